// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	// maxHosts is how many hosts admission is told of. The CRD of TenantLimits allows no more.
	maxHosts = 1000
	// hostsDelay gathers the hosts of tenants that are made together into one write: the list grows with their number, and
	// written for each it would cost their square. Admission is a best effort, so it may be that far behind.
	hostsDelay = 500 * time.Millisecond
)

// limits is what admission is told of tenants made in a tenant's namespace.
func (r *reconciler) limits(resolved tenant.Resolved) v1alpha1.TenantLimitsSpec {
	spec := v1alpha1.TenantLimitsSpec{}
	if len(resolved.Quota.Bounds) > 0 {
		spec.Left = resolved.Quota.Own()
	}

	if resolved.Level() == 0 {
		spec.Hosts = r.tree.heldHosts()
	}

	return spec
}

// heldHosts lists who holds which host, by host. Where there are too many, those that users asked for matter first, since no
// rule tells where they lie, and then those nearest to the root, below which most others lie.
func heldHosts(tenants []v1alpha1.Tenant, entries map[types.NamespacedName]entry) []v1alpha1.HeldHost {
	type held struct {
		v1alpha1.HeldHost

		inherits bool
		level    int
	}

	all := make([]held, 0, len(tenants))

	for i := range tenants {
		resolved := entries[types.NamespacedName{Namespace: tenants[i].Namespace, Name: tenants[i].Name}].resolved
		if resolved.Host == "" {
			continue
		}

		all = append(all, held{
			HeldHost: v1alpha1.HeldHost{Host: resolved.Host, Namespace: resolved.Namespace},
			inherits: tenants[i].Spec.Host == "", level: resolved.Level(),
		})
	}

	if len(all) > maxHosts {
		slices.SortFunc(all, func(a, b held) int {
			return cmp.Or(compareBool(a.inherits, b.inherits), cmp.Compare(a.level, b.level), cmp.Compare(a.Host, b.Host))
		})

		all = all[:maxHosts]
	}

	hosts := make([]v1alpha1.HeldHost, 0, len(all))
	for _, one := range all {
		hosts = append(hosts, one.HeldHost)
	}

	slices.SortFunc(hosts, func(a, b v1alpha1.HeldHost) int { return cmp.Compare(a.Host, b.Host) })

	return hosts
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}

	return -1
}

// heldHosts is what the last pass found. Callers do not change it.
func (t *tree) heldHosts() []v1alpha1.HeldHost {
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.hosts
}

// replaceHosts takes a new list and says whether it differs.
func (t *tree) replaceHosts(hosts []v1alpha1.HeldHost) bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	isNew := !slices.Equal(t.hosts, hosts)
	t.hosts = hosts

	return isNew
}
