// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Wakes is a source of requests that are made by hand. Those made before its controller starts are kept until then, in their
// order. The zero value is ready. It is safe for concurrent use and never blocks.
type Wakes[request comparable] struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[request]
	// kept waits for the queue, each request with its delay, and order has those of kept.
	kept  map[request]time.Duration
	order []request
}

// Start makes it a source of controller-runtime.
func (w *Wakes[request]) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.queue = queue

	for _, one := range w.order {
		queue.AddAfter(one, w.kept[one])
	}

	w.kept, w.order = nil, nil

	return nil
}

// Add makes requests, each of which is one with those that nobody has acted on yet.
func (w *Wakes[request]) Add(requests ...request) { w.AddAfter(0, requests...) }

// AddAfter makes requests that are acted on after a delay, once for all that are made until then.
func (w *Wakes[request]) AddAfter(delay time.Duration, requests ...request) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, one := range requests {
		if w.queue != nil {
			w.queue.AddAfter(one, delay)

			continue
		}

		w.keep(one, delay)
	}
}

func (w *Wakes[request]) keep(one request, delay time.Duration) {
	if w.kept == nil {
		w.kept = map[request]time.Duration{}
	}

	before, isKept := w.kept[one]
	if isKept && before <= delay {
		return
	}

	if !isKept {
		w.order = append(w.order, one)
	}

	w.kept[one] = delay
}
