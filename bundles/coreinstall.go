// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Install makes every package of the core what the plan says, each ready before the next begins. It may be run again and
// goes on. The error names the package; its Unwrap chain holds the cause. When ctx ends, the package under way may end for
// the grace, then its release is marked as failed, and no other is begun: the error is a *StoppedError.
func (c *Core) Install(ctx context.Context, plan *Plan, report Report) error {
	core := plan.Packages[:len(plan.Core)]
	for i := 1; i < len(core); i++ {
		report.tell(PackageStatus{Name: core[i].Name, State: StateWaiting, Message: "for " + core[i-1].Name})
	}
	for i, p := range core {
		if ctx.Err() != nil {
			return &StoppedError{Left: namesOf(core[i:]), Err: context.Cause(ctx)}
		}
		status, err := c.installOne(ctx, plan, p, report)
		if err == nil {
			continue
		}
		status.Name, status.State, status.Message = p.Name, StateFailed, err.Error()
		report.tell(status)
		if object := (PackageStatus{Object: status.Object, Warning: status.Warning}).why(); object != "" {
			err = fmt.Errorf("%w: %s", err, object)
		}
		err = fmt.Errorf("install package %s: %w", p.Name, err)
		if ctx.Err() != nil {
			return &StoppedError{Package: p.Name, Left: namesOf(core[i+1:]), Err: err}
		}
		return err
	}
	return nil
}

// installOne returns, with an error, what is known to keep the package from being ready.
func (c *Core) installOne(ctx context.Context, plan *Plan, p Package, report Report) (PackageStatus, error) {
	present, err := c.awaitPresence(ctx, p, report)
	if err != nil {
		return PackageStatus{}, err
	}
	if present {
		report.tell(presentStatus(p, presence{there: true}))
		return PackageStatus{}, nil
	}
	report.tell(PackageStatus{Name: p.Name, State: StateInstalling})
	if err := assertVacant(ctx, c.clients, plan, []Package{p}); err != nil {
		return PackageStatus{}, err
	}
	if err := applyNamespaces(ctx, c.kube, plan, p.Namespace); err != nil {
		return PackageStatus{}, err
	}
	p.Adopts = plan.takesOver(p)
	archive, err := c.shelf.Archive(ctx, p)
	if err != nil {
		return PackageStatus{}, err
	}
	changed, last, err := c.runHelm(ctx, p, archive, report)
	if err != nil {
		return last, err
	}
	message := "unchanged"
	if changed {
		message = "chart " + p.Chart.Version
	}
	report.tell(PackageStatus{Name: p.Name, State: StateReady, Message: message})
	return PackageStatus{}, nil
}

// helmResult is what came of one operation of Helm's.
type helmResult struct {
	changed bool
	err     error
}

// runHelm reports, while Helm works on the release and waits for it, which of its objects is not ready. When ctx ends it returns
// within twice the grace: an SDK that waits for an API which does not answer is left behind, so end the process soon.
func (c *Core) runHelm(ctx context.Context, p Package, archive []byte, report Report) (bool, PackageStatus, error) {
	working, cancel := outlasting(ctx)
	defer cancel()
	ended := make(chan helmResult, 1)
	go func() { // ends soon after working, unless the API does not answer
		changed, err := c.helm.InstallOrUpgrade(working, p, archive, true, p.timeout())
		ended <- helmResult{changed, err}
	}()
	ticker := time.NewTicker(inspectionInterval)
	defer ticker.Stop()
	last := PackageStatus{Name: p.Name, State: StateInstalling}
	tell := func(status PackageStatus) {
		if status != last {
			last = status
			report.tell(last)
		}
	}
	interrupted, over := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case result := <-ended:
			if result.err != nil && ctx.Err() == nil {
				last = c.inspect.explain(ctx, p, last)
			}
			return result.changed, last, result.err
		case <-interrupted:
			interrupted = nil
			status := last
			status.Message = fmt.Sprintf("interrupted; Helm may finish within %s", grace)
			tell(status)
			timer := time.NewTimer(2 * grace)
			defer timer.Stop()
			over = timer.C
		case <-over:
			return false, last, fmt.Errorf("helm release %s/%s: Helm did not end, its release may be pending: %w", p.Namespace, p.Release, context.Cause(ctx))
		case <-ticker.C:
			tell(c.inspect.explain(ctx, p, last))
		}
	}
}

// StoppedError says that the installation of a core was interrupted. Nothing of it is left pending.
type StoppedError struct {
	Package string   // that was under way; empty: none was
	Left    []string // that come after it
	Err     error
}

func (e *StoppedError) Error() string {
	if e.Package == "" {
		return fmt.Sprintf("stopped before package %s: %v", e.Left[0], e.Err)
	}
	return e.Err.Error()
}

// Unwrap gives what the run ended with.
func (e *StoppedError) Unwrap() error { return e.Err }

// Interrupted says what goes on without us.
func (e *StoppedError) Interrupted() string {
	var out []string
	if e.Package != "" {
		out = append(out, e.Package+" is half installed: its Helm release is marked as failed, and what it made stays and may still become ready")
	}
	if len(e.Left) > 0 {
		out = append(out, "this run did not come to: "+strings.Join(e.Left, ", "))
	}
	return strings.Join(append(out, goOn), "\n")
}

// goOn tells how an interrupted run is continued.
const goOn = "run the same command again: it goes on from here"

func namesOf(packages []Package) []string {
	out := make([]string, len(packages))
	for i, p := range packages {
		out[i] = p.Name
	}
	return out
}
