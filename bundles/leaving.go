// SPDX-License-Identifier: Apache-2.0

package bundles

import helmv2 "github.com/fluxcd/helm-controller/api/v2"

// withoutLeaving leaves out packages whose removal is under way, as one that was interrupted and whose package was enabled
// again: what is applied to a HelmRelease that is being deleted goes with it.
func (p *progress) withoutLeaving(startable []Package, seen map[string]*helmv2.HelmRelease) []Package {
	var out []Package
	for _, pkg := range startable {
		if release := seen[pkg.Name]; release != nil && release.DeletionTimestamp != nil {
			p.waitForSomebody(pkg.Name) // somebody will change it: this is no end
			p.set(pkg.Name, StateWaiting, "for its removal to end: "+removalMessage(release))
			continue
		}
		out = append(out, pkg)
	}
	return out
}
