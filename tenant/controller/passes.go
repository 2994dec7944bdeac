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

	"github.com/cozystack/cozy-install/tenant/controller/watch"
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
// that changes until it rests no more. What changes during a pass is for the next one. It is for one controller with one
// worker, whose source wakes is, and safe for concurrent use. It never blocks.
type passes struct {
	makes reconcile.Reconciler
	wakes watch.Wakes[reconcile.Request]

	mu        sync.Mutex
	isRunning bool
	// isAsked says that a pass was asked for that has not begun.
	isAsked bool
	// restsUntil is when the next one may begin. Zero: there was none yet.
	restsUntil time.Time
}

// ask asks for a pass that begins after this call.
func (p *passes) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()

	if !p.isAsked && !p.isRunning {
		p.wakes.AddAfter(max(time.Until(p.restsUntil), 0), wholeTree())
	}

	p.isAsked = true
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

	p.isRunning, p.isAsked = true, false

	return time.Now()
}

func (p *passes) end(began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()

	ended := time.Now()
	rest := min(max(minRest, restFactor*ended.Sub(began)), maxRest)
	p.isRunning, p.restsUntil = false, ended.Add(rest)

	if p.isAsked {
		p.wakes.AddAfter(rest, wholeTree())
	}
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
