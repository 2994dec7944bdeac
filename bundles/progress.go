// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
)

// progress knows how far a plan's HelmReleases are, and which may be applied next. It does nothing itself.
type progress struct {
	packages []Package // of the plan without its core, in order
	report   Report
	now      func() time.Time
	started  map[string]start // absent: this run has not applied the package's HelmRelease yet
	status   map[string]PackageStatus
	since    map[string]time.Time // when this run applied the package's HelmRelease
	kindless map[string]time.Time // since when it waits only for what somebody does: a program that runs, to register a CRD
	waited   map[string]time.Time // kindless of before the last observation

	unhealthy map[string]FailingObject // packages whose release is deployed, and what does not fulfil their health conditions
	unwell    map[string]time.Time     // since when they are
	looked    map[string]finding       // what a closer look at them said
	there     map[string]bool          // packages that have a HelmRelease, whoever applied it
}

// attempts is how many full attempts of Flux at one package a run waits for. What fails thrice is not mended by waiting.
const attempts = 3

func newProgress(plan *Plan, report Report, now func() time.Time) *progress {
	return &progress{
		packages: plan.Packages[len(plan.Core):], report: report, now: now,
		started: map[string]start{}, status: map[string]PackageStatus{}, since: map[string]time.Time{},
		kindless: map[string]time.Time{}, unwell: map[string]time.Time{}, looked: map[string]finding{},
	}
}

// observe takes the HelmReleases as they are, by package, and returns the packages that can be applied now: all that are
// not yet, and whose dependencies are ready. What changed is reported.
func (p *progress) observe(releases map[string]*helmv2.HelmRelease) []Package {
	p.waited, p.kindless, p.there = p.kindless, map[string]time.Time{}, map[string]bool{}
	for _, pkg := range p.packages {
		p.there[pkg.Name] = releases[pkg.Name] != nil
		if begun, ok := p.started[pkg.Name]; ok {
			state, message := stateOf(releases[pkg.Name], begun)
			if p.isUnhealthy(pkg, state) {
				continue
			}
			if !isNoNews(p.status[pkg.Name], state, message) {
				p.set(pkg.Name, state, message)
			}
			if status := p.status[pkg.Name]; status.State == StateInstalling && p.isOverdue(pkg) {
				p.set(pkg.Name, StateFailed, fmt.Sprintf("not ready after %s: %s", p.now().Sub(p.since[pkg.Name]).Round(time.Second), status.Message))
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
			p.waitForSomebody(pkg.Name)
			p.set(pkg.Name, StateWaiting, "for "+strings.Join(missing, ", "))
			continue
		}
		out = append(out, pkg)
	}
	return out, nil
}

// looksAgain is what Flux says of a HelmRelease whenever it begins to look at it: every few seconds while there is no chart.
const looksAgain = "Fulfilling prerequisites"

// isNoNews reports whether what Flux says of a package tells less than what is known of it.
func isNoNews(known PackageStatus, state State, message string) bool {
	if state != StateInstalling {
		return false
	}
	return isLasting(known.State) || known.State == StateInstalling && known.Message != "" && message == looksAgain
}

// isLasting reports states that another attempt does not change before it has ended: Flux looks again at what is ready from
// time to time, and says meanwhile that it does not know; and what failed has to be told for as long as nothing better is
// known, which with attempts of ten minutes is nearly always.
func isLasting(state State) bool { return state == StateReady || state == StateFailed }

// start notes that a package's HelmRelease was applied.
func (p *progress) start(name string, begun start) {
	p.started[name], p.since[name] = begun, p.now()
	p.set(name, StateInstalling, "")
}

// finished reports whether nothing more is to be waited for: all are ready (nil), or all that are not wait for others, will
// not be tried again, or had the time of all their attempts (an *UnfinishedError).
func (p *progress) finished() (bool, error) {
	allReady := true
	for _, pkg := range p.packages {
		switch state := p.status[pkg.Name].State; {
		case state == StateReady:
		case state == StateStalled, state == StateWaiting && p.kindless[pkg.Name].IsZero(), p.isOverdue(pkg):
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
		if _, begun := p.started[pkg.Name]; !begun && p.there[pkg.Name] {
			e.Before = append(e.Before, pkg.Name)
		}
		switch status := p.status[pkg.Name]; {
		case status.State == StateReady:
		case status.State == StateWaiting && p.kindless[pkg.Name].IsZero():
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

// waitForSomebody notes that a package waits for what others do, who are not packages that install.
func (p *progress) waitForSomebody(name string) {
	since, waited := p.waited[name]
	if !waited {
		since = p.now()
	}
	p.kindless[name] = since
}

// isOverdue reports whether a package has had the time of all attempts at it; or whether the program that shall register
// its CRDs, or the operator that shall make it healthy, has had that of one.
func (p *progress) isOverdue(pkg Package) bool {
	if since, waits := p.unwell[pkg.Name]; waits {
		return p.now().Sub(since) > pkg.timeout()
	}
	if since, waits := p.kindless[pkg.Name]; waits {
		return p.now().Sub(since) > DefaultTimeout
	}
	since, started := p.since[pkg.Name]
	return started && p.now().Sub(since) > attempts*(pkg.timeout()+retryInterval)
}

// suspects are the packages that it is worth looking at closely: what failed, or installs or is unwell for longer than most.
func (p *progress) suspects() []suspect {
	var out []suspect
	for _, pkg := range p.packages {
		since, unwell := p.unwell[pkg.Name]
		if !unwell {
			since = p.since[pkg.Name]
		}
		switch state := p.status[pkg.Name].State; {
		case state == StateFailed, state == StateStalled, state == StateInstalling && p.now().Sub(since) >= suspicion:
			one := suspect{Package: pkg}
			if unwell {
				one.unwell = p.unhealthy[pkg.Name]
			}
			out = append(out, one)
		}
	}
	return out
}

// found notes what keeps a package from being ready.
func (p *progress) found(f finding) {
	status, before := p.status[f.name], p.status[f.name]
	if !f.known || !isUnready(status.State) {
		return
	}
	if _, unwell := p.unwell[f.name]; unwell {
		p.looked[f.name] = f
		if f.unwell != p.unhealthy[f.name] {
			return // that was before it became unwell, or so
		}
	}
	if status.Object, status.Warning = f.object, f.warning; status != before {
		p.status[f.name] = status
		p.report.tell(status)
	}
}

// isUnready reports states in which objects of a package may keep it from being ready.
func isUnready(state State) bool {
	return state == StateInstalling || state == StateFailed || state == StateStalled
}

func (p *progress) set(name string, state State, message string) {
	status, before := PackageStatus{Name: name, State: state, Message: message}, p.status[name]
	if isUnready(state) { // and for the same reason, as far as is known
		status.Object, status.Warning = before.Object, before.Warning
	}
	if status != before {
		p.status[name] = status
		p.report.tell(status)
	}
}
