// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wakes is a source of requests that are made by hand. Those made before its controller starts are kept until then. The zero
// value is ready. It is safe for concurrent use and never blocks.
type wakes struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	kept  map[types.NamespacedName]bool
}

// Start makes it a source of controller-runtime.
func (w *wakes) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.queue = queue

	for key := range w.kept {
		queue.Add(reconcile.Request{NamespacedName: key})
	}

	w.kept = nil

	return nil
}

func (w *wakes) add(keys ...types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, key := range keys {
		if w.queue != nil {
			w.queue.Add(reconcile.Request{NamespacedName: key})

			continue
		}

		if w.kept == nil {
			w.kept = map[types.NamespacedName]bool{}
		}

		w.kept[key] = true
	}
}
