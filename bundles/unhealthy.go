// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
)

// deployed are the packages with health conditions whose releases are as this run applied them, and that were not healthy
// since: once was, a package stays ready for the run.
func (p *progress) deployed(releases map[string]*helmv2.HelmRelease) []Package {
	var out []Package
	for _, pkg := range p.packages {
		begun, started := p.started[pkg.Name]
		if !started || len(pkg.Health.Conditions) == 0 || p.status[pkg.Name].State == StateReady {
			continue
		}
		if state, _ := stateOf(releases[pkg.Name], begun); state == StateReady {
			out = append(out, pkg)
		}
	}
	return out
}

// isUnhealthy reports whether a package of this state, by its release, is kept from being ready by its health conditions. Its
// operator has the time of one attempt; nobody tries anything again that could help it, but it may become healthy at any time.
func (p *progress) isUnhealthy(pkg Package, state State) bool {
	object, unhealthy := p.unhealthy[pkg.Name]
	if !unhealthy || state != StateReady {
		delete(p.unwell, pkg.Name)
		delete(p.looked, pkg.Name)
		return false
	}
	if _, waits := p.unwell[pkg.Name]; !waits {
		p.unwell[pkg.Name] = p.now()
	}
	status := PackageStatus{Name: pkg.Name, State: StateInstalling, Message: deployed, Object: object}
	if seen, known := p.looked[pkg.Name]; known && seen.unwell == object {
		status.Object, status.Warning = seen.object, seen.warning
	}
	if p.isOverdue(pkg) {
		status.State, status.Message = StateFailed, fmt.Sprintf("its release is deployed, but not healthy after %s", pkg.timeout())
	}
	if status != p.status[pkg.Name] {
		p.status[pkg.Name] = status
		p.report.tell(status)
	}
	return true
}
