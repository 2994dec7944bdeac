// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// loop handles keys that informers name, one key at a time, and again after an error with a growing pause.
type loop struct {
	name   string
	queue  workqueue.TypedRateLimitingInterface[string]
	handle func(ctx context.Context, key string) error
	log    *slog.Logger
}

func newLoop(name string, log *slog.Logger, handle func(context.Context, string) error) *loop {
	pauses := workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 5*time.Second)
	return &loop{name: name, queue: workqueue.NewTypedRateLimitingQueue(pauses), handle: handle, log: log}
}

// on adds the keys of each object that the informer sees come, change or go.
func (l *loop) on(informer cache.SharedIndexInformer, keys func(object any) []string) error {
	add := func(object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		for _, key := range keys(object) {
			l.queue.Add(key)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, DeleteFunc: add, UpdateFunc: func(_, object any) { add(object) },
	})
	if err != nil {
		return fmt.Errorf("watch for the %s: %w", l.name, err)
	}
	return nil
}

// run handles keys with that many workers until ctx ends, and returns when all have ended.
func (l *loop) run(ctx context.Context, workers int) {
	defer context.AfterFunc(ctx, l.queue.ShutDown)()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	group.Wait()
}

func (l *loop) next(ctx context.Context) bool {
	key, shutdown := l.queue.Get()
	if shutdown {
		return false
	}
	defer l.queue.Done(key)
	if err := l.handle(ctx, key); err != nil {
		if ctx.Err() == nil {
			l.log.Debug("again later", "loop", l.name, "key", key, "error", err)
		}
		l.queue.AddRateLimited(key)
		return true
	}
	l.queue.Forget(key)
	return true
}
