// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// wakes is a source of requests that are made by hand. Those made before its controller starts are kept until then. It is
// safe for concurrent use and never blocks.
type wakes[request comparable] struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[request]
	kept  map[request]bool
}

// Start makes it a source of controller-runtime.
func (w *wakes[request]) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.queue = queue

	for one := range w.kept {
		queue.Add(one)
	}

	w.kept = nil

	return nil
}

func (w *wakes[request]) add(requests ...request) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, one := range requests {
		if w.queue != nil {
			w.queue.Add(one)

			continue
		}

		if w.kept == nil {
			w.kept = map[request]bool{}
		}

		w.kept[one] = true
	}
}
