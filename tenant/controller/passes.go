// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// minRest is how long nothing is passed over after a pass, so that changes that come together are one more pass. People
	// do not notice it.
	minRest = 50 * time.Millisecond
	// restFactor is how many times as long as the last pass the rest is: a tenth of the time at most is spent on passes.
	// A pass over a larger tree takes longer, so the time that passes take does not grow with the square of its size.
	restFactor = 9
	// maxRest bounds what one slow pass makes everybody wait.
	maxRest = time.Second
)

// passes says when the tree is gone through: at once after a change, unless the last pass was a moment ago; then, once, for all
// that changes until it rests no more. What changes during a pass is for the next one. It is the source of one controller,
// which has one worker, and safe for concurrent use. It never blocks.
type passes struct {
	makes reconcile.Reconciler

	mu        sync.Mutex
	queue     workqueue.TypedRateLimitingInterface[reconcile.Request]
	isRunning bool
	// isAsked says that a pass was asked for while one ran, or before the controller started.
	isAsked bool
	// restsUntil is when the next one may begin. Zero: there was none yet.
	restsUntil time.Time
}

// Start makes it a source of controller-runtime.
func (p *passes) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.queue = queue
	p.askAgain()

	return nil
}

// ask asks for a pass that begins after this call.
func (p *passes) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.isAsked = true
	p.askAgain()
}

// askAgain puts what was asked for into the queue, which keeps one request only and the earliest time of those it was given.
func (p *passes) askAgain() {
	if !p.isAsked || p.isRunning || p.queue == nil {
		return
	}

	p.isAsked = false

	if rest := time.Until(p.restsUntil); rest > 0 {
		p.queue.AddAfter(wholeTree(), rest)

		return
	}

	p.queue.Add(wholeTree())
}

// Reconcile makes a pass.
func (p *passes) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	began := p.begin()
	defer p.end(began)

	return p.makes.Reconcile(ctx, request)
}

func (p *passes) begin() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.isRunning = true

	return time.Now()
}

func (p *passes) end(began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()

	ended := time.Now()
	p.isRunning = false
	p.restsUntil = ended.Add(min(max(minRest, restFactor*ended.Sub(began)), maxRest))
	p.askAgain()
}

// onChange asks for a pass for each object that is made, changed or deleted.
func (p *passes) onChange() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

	return handler.Funcs{
		CreateFunc: func(context.Context, event.CreateEvent, queue) { p.ask() },
		UpdateFunc: func(context.Context, event.UpdateEvent, queue) { p.ask() },
		DeleteFunc: func(context.Context, event.DeleteEvent, queue) { p.ask() },
	}
}

// wholeTree is the one request of the resolver.
func wholeTree() reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: "tree"}}
}
