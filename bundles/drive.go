// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"time"
)

// surroundings are what decides which release can be applied next, and what is told of those that are not ready.
type surroundings struct {
	releases   *watchedReleases
	crds       *runtimeCRDs
	changed    <-chan struct{} // gets a token after any change
	inspection *inspection
	health     *healthWatch
}

// drive applies what can be applied after every change of any HelmRelease or CRD, until all is done or ctx ends. Nothing is
// begun after that; what was begun is finished.
func (f *Flux) drive(ctx context.Context, plan *Plan, around *surroundings, p *progress) error {
	ticker := time.NewTicker(inspectionInterval)
	defer ticker.Stop()
	for {
		seen, err := around.releases.releases()
		if err != nil {
			return err
		}
		p.unhealthy = around.health.unmet(ctx, p.deployed(seen))
		startable, err := p.withoutMissing(ctx, p.withoutLeaving(p.observe(seen), seen), around.crds)
		if ctx.Err() != nil {
			return f.end(ctx, p, context.Cause(ctx))
		}
		if err != nil {
			return err
		}
		for _, pkg := range startable {
			if ctx.Err() != nil {
				return f.end(ctx, p, context.Cause(ctx))
			}
			started, err := f.applyWhole(ctx, plan, pkg, seen[pkg.Name])
			if err != nil && ctx.Err() != nil {
				return f.end(ctx, p, context.Cause(ctx))
			}
			if err != nil {
				return err
			}
			p.start(pkg.Name, started)
		}
		if len(startable) > 0 {
			continue // a release that is as it should be already gives no event
		}
		if done, err := p.finished(); done {
			if err != nil {
				return f.end(ctx, p, nil)
			}
			return nil
		}
		select {
		case <-around.changed:
		case <-ticker.C:
			around.inspection.request(p.suspects())
		case finding := <-around.inspection.found:
			p.found(finding)
		case <-ctx.Done():
			return f.end(ctx, p, context.Cause(ctx))
		}
	}
}

// end is the error of a run that ended because of cause. Unless somebody is waiting for its end, what is not ready is looked
// at closely once more.
func (f *Flux) end(ctx context.Context, p *progress, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return p.unfinished(cause)
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), inspectionTimeout)
	defer cancel()
	for _, pkg := range p.suspects() {
		p.found(f.inspect.look(looking, pkg))
	}
	return p.unfinished(cause)
}

// grace is how long what was begun may go on when a run is to end.
const grace = 5 * time.Second

// outlasting is a context that lives for the grace longer than ctx.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() { stop(); cancel(nil) }
}
