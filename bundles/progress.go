// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// progress knows how far a plan's HelmReleases are, and which may be applied next. It does nothing itself.
type progress struct {
	packages []Package // of the plan without its core, in order
	report   Report
	started  map[string]start // absent: this run has not applied the package's HelmRelease yet
	status   map[string]PackageStatus
	kindless map[string]bool // waiting only for what somebody does: a program that runs, to register a CRD
}

// start says from when on a HelmRelease's status counts.
type start struct {
	generation int64  // it has since this run applied it
	request    string // to try again, which Flux must have taken; empty: there was none
}

func newProgress(plan *Plan, report Report) *progress {
	return &progress{
		packages: plan.Packages[len(plan.Core):], report: report,
		started: map[string]start{}, status: map[string]PackageStatus{}, kindless: map[string]bool{},
	}
}

// observe takes the HelmReleases as they are, by package, and returns the packages that can be applied now: all that are
// not yet, and whose dependencies are ready. What changed is reported.
func (p *progress) observe(releases map[string]*helmv2.HelmRelease) []Package {
	clear(p.kindless)
	for _, pkg := range p.packages {
		if begun, ok := p.started[pkg.Name]; ok {
			state, message := stateOf(releases[pkg.Name], begun)
			if state != StateInstalling || !isLasting(p.status[pkg.Name].State) {
				p.set(pkg.Name, state, message)
			}
		}
	}
	var startable []Package
	for _, pkg := range p.packages {
		if _, ok := p.started[pkg.Name]; ok {
			continue
		}
		if missing := p.unready(pkg); len(missing) > 0 {
			p.set(pkg.Name, StateWaiting, "for "+strings.Join(missing, ", "))
		} else {
			startable = append(startable, pkg)
		}
	}
	return startable
}

// withoutMissing leaves out packages for whose objects a kind is still to be registered by a program that runs already.
func (p *progress) withoutMissing(ctx context.Context, startable []Package, crds *runtimeCRDs) ([]Package, error) {
	var out []Package
	for _, pkg := range startable {
		missing, err := crds.missing(ctx, pkg)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			p.kindless[pkg.Name] = true
			p.set(pkg.Name, StateWaiting, "for "+strings.Join(missing, ", "))
			continue
		}
		out = append(out, pkg)
	}
	return out, nil
}

// isLasting reports states that another attempt does not change before it has ended: Flux looks again at what is ready from
// time to time, and says meanwhile that it does not know; and what failed has to be told for as long as nothing better is
// known, which with attempts of ten minutes is nearly always.
func isLasting(state State) bool { return state == StateReady || state == StateFailed }

// start notes that a package's HelmRelease was applied.
func (p *progress) start(name string, begun start) {
	p.started[name] = begun
	p.set(name, StateInstalling, "")
}

// finished reports whether nothing more can happen: all are ready (nil), or none that is not will be tried again (an
// *UnfinishedError).
func (p *progress) finished() (bool, error) {
	allReady := true
	for _, pkg := range p.packages {
		switch state := p.status[pkg.Name].State; {
		case state == StateReady:
		case state == StateStalled, state == StateWaiting && !p.kindless[pkg.Name]:
			allReady = false
		default:
			return false, nil
		}
	}
	if allReady {
		return true, nil
	}
	return true, p.unfinished(nil)
}

// unfinished is the error for a run that ended because of cause.
func (p *progress) unfinished(cause error) error {
	e := &UnfinishedError{Cause: cause}
	for _, pkg := range p.packages {
		switch status := p.status[pkg.Name]; {
		case status.State == StateReady:
		case status.State == StateWaiting && !p.kindless[pkg.Name]:
			e.Waiting = append(e.Waiting, pkg.Name)
		case status.State == StateFailed, status.State == StateStalled, status.State == StateWaiting:
			e.Culprits = append(e.Culprits, status)
		default:
			status.Name = pkg.Name
			if status.State == "" {
				status.State = StateAbsent
			}
			e.Culprits = append(e.Culprits, status)
		}
	}
	return e
}

// unready lists what a package still waits for. Packages of the core were ready before all this began.
func (p *progress) unready(pkg Package) []string {
	var out []string
	for _, name := range pkg.DependsOn {
		mine := slices.ContainsFunc(p.packages, func(other Package) bool { return other.Name == name })
		if mine && p.status[name].State != StateReady {
			out = append(out, name)
		}
	}
	return out
}

func (p *progress) set(name string, state State, message string) {
	status := PackageStatus{Name: name, State: state, Message: message}
	if p.status[name] != status {
		p.status[name] = status
		p.report.say(name, state, message)
	}
}

// stateOf reads a HelmRelease. What it says of a time before begun counts for nothing.
func stateOf(release *helmv2.HelmRelease, begun start) (State, string) {
	if release == nil || release.Generation < begun.generation ||
		(begun.request != "" && release.Status.LastHandledReconcileAt != begun.request) {
		return StateInstalling, ""
	}
	if release.DeletionTimestamp != nil {
		return StateRemoving, removalMessage(release)
	}
	if release.Spec.Suspend {
		return StateStalled, "the HelmRelease is suspended"
	}
	current := func(kind string) *metav1.Condition {
		c := apimeta.FindStatusCondition(release.Status.Conditions, kind)
		if c == nil || c.ObservedGeneration != release.Generation {
			return &metav1.Condition{Status: metav1.ConditionUnknown}
		}
		return c
	}
	if stalled := current(meta.StalledCondition); stalled.Status == metav1.ConditionTrue {
		return StateStalled, stalled.Message
	}
	ready := current(meta.ReadyCondition)
	switch {
	case ready.Status == metav1.ConditionTrue && !hasChart(release):
		return StateInstalling, fmt.Sprintf("Flux has chart %s and still waits for %s to be served",
			release.Status.LastAttemptedRevision, release.Spec.Chart.Spec.Version)
	case ready.Status == metav1.ConditionTrue && release.Status.ObservedGeneration == release.Generation:
		return StateReady, ready.Message
	case ready.Status == metav1.ConditionFalse && isFailure(ready.Reason):
		// Between two attempts Ready only says when the next one is; what went wrong stands in Released.
		if released := current(helmv2.ReleasedCondition); released.Status == metav1.ConditionFalse {
			return StateFailed, released.Message
		}
		return StateFailed, ready.Message
	}
	return StateInstalling, ready.Message
}

// hasChart reports whether the chart of the last attempt is the one that is asked for. Flux matches versions without what
// follows the plus: as long as it knows only the last index of our charts, it takes the chart of before for the new one.
func hasChart(release *helmv2.HelmRelease) bool {
	if release.Spec.Chart == nil {
		return true
	}
	_, mark, marked := strings.Cut(release.Spec.Chart.Spec.Version, "+")
	return !marked || strings.HasSuffix(release.Status.LastAttemptedRevision, "+"+mark)
}

// isFailure tells reasons of a failed attempt from those of one that could not begin yet: the chart is still being
// fetched, or another HelmRelease is not ready.
func isFailure(reason string) bool {
	return !slices.Contains([]string{
		meta.ProgressingReason, meta.ProgressingWithRetryReason, meta.DependencyNotReadyReason, "SourceNotReady",
	}, reason)
}
