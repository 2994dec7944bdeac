// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"sync"

	"k8s.io/client-go/tools/cache"
)

// healthWatch watches the objects of health conditions, from when the release of their package is deployed until all of them
// hold. It is used by one goroutine.
type healthWatch struct {
	check   healthCheck
	changed chan<- struct{} // gets a token after any change of an object
	watched map[string]*watchedHealth
}

// watchedHealth is the objects of one package.
type watchedHealth struct {
	targets []*watchedTarget
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newHealthWatch watches nothing yet. The caller must call stop.
func newHealthWatch(check healthCheck, changed chan<- struct{}) *healthWatch {
	return &healthWatch{check: check, changed: changed, watched: map[string]*watchedHealth{}}
}

// unmet is, by package, the first object that does not fulfil its condition. Those of which all conditions hold are left out,
// and not watched any longer.
func (w *healthWatch) unmet(ctx context.Context, packages []Package) map[string]FailingObject {
	out := map[string]FailingObject{}
	for _, p := range packages {
		failing := w.unmetOf(ctx, p)
		if failing != (FailingObject{}) {
			out[p.Name] = failing
			continue
		}
		w.end(p.Name)
	}
	return out
}

func (w *healthWatch) unmetOf(ctx context.Context, p Package) FailingObject {
	one, known := w.watched[p.Name]
	if !known {
		var err error
		if one, err = w.watch(ctx, p); err != nil {
			return unasked(p, err) // and asked again at the next look
		}
		w.watched[p.Name] = one
	}
	for _, target := range one.targets {
		if failing := target.unmetNow(ctx, w.check.dynamic); failing != (FailingObject{}) {
			return failing
		}
	}
	return FailingObject{}
}

func (w *healthWatch) watch(ctx context.Context, p Package) (*watchedHealth, error) {
	asking, done := context.WithTimeout(ctx, inspectionTimeout)
	defer done()
	targets, err := w.check.targets(asking, p)
	if err != nil {
		return nil, err
	}
	out := &watchedHealth{}
	for _, target := range targets {
		watched, err := w.watchTarget(target)
		if err != nil {
			return nil, err
		}
		out.targets = append(out.targets, watched)
	}
	out.start(ctx, w.changed)
	return out, nil
}

func (w *watchedHealth) start(ctx context.Context, changed chan<- struct{}) {
	watching, cancel := context.WithCancel(ctx)
	w.cancel = cancel
	for _, target := range w.targets {
		informer := target.informer
		w.running.Go(func() { informer.RunWithContext(watching) })
		w.running.Go(func() { // an object that does not exist gives no event
			if cache.WaitForCacheSync(watching.Done(), informer.HasSynced) {
				signal(changed)
			}
		})
	}
}

// stop ends the watch and waits until it has ended.
func (w *watchedHealth) stop() {
	w.cancel()
	w.running.Wait()
}

// end ends the watch of one package, if there is one, and waits until it has ended.
func (w *healthWatch) end(name string) {
	if one, known := w.watched[name]; known {
		one.stop()
		delete(w.watched, name)
	}
}

// stop ends all watches and waits until they have ended.
func (w *healthWatch) stop() {
	for name := range w.watched {
		w.end(name)
	}
}
