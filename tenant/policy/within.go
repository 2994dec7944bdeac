// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/cozystack/cozy-install/tenant"
)

// rowsWithin are the rules of what reaches pods of tenants from the cluster: 1 to 9.
func rowsWithin() []row {
	return []row{
		{1, etcdMembers},
		{2, fromPlatform},
		{3, fromScraper},
		{4, labelledToEtcd},
		{5, othersToEtcd},
		{6, sameTenant},
		{7, fromAncestor},
		{8, toService},
		{9, otherTenants},
	}
}

func etcdMembers(_ Site, f Flow) (bool, string) {
	if f.From.isPart(PartEtcd) && f.To.isPart(PartEtcd) && f.From.Namespace == f.To.Namespace && providesEtcd(f.To) &&
		f.isTCP(etcdClient, etcdPeer) {
		return true, "members of one etcd reach each other"
	}

	return false, ""
}

// providesEtcd says whether a pod is of a tenant with an etcd of its own, be it one that stays though the tenant does not run it
// any more. In others the label makes nobody a member of anything.
func providesEtcd(p Peer) bool { return p.Tenant.HasEtcd() }

func fromPlatform(_ Site, f Flow) (bool, string) {
	switch {
	case !f.To.ofTenant():
		return false, ""
	case f.From.Kind == Pod && f.From.IsSystem:
		return true, "system namespaces such as " + f.From.Namespace + " reach every tenant"
	case f.From.Kind == APIServer:
		return true, "the API server reaches every tenant"
	case f.From.Kind == Host:
		return true, "a node reaches the pods it runs, to probe them"
	}

	return false, ""
}

func fromScraper(_ Site, f Flow) (bool, string) {
	if f.From.isPart(PartVMAgent) && f.To.isPart(PartEtcd) && providesEtcd(f.To) && f.isTCP(etcdMetrics) &&
		f.To.provider(tenant.Monitoring) == f.From.Namespace {
		return true, "the monitoring of " + f.To.Namespace + " scrapes its metrics"
	}

	return false, ""
}

func labelledToEtcd(_ Site, f Flow) (bool, string) {
	switch {
	case !f.From.ofTenant() || !f.From.has(LabelAllowToEtcd, isTrue) || !f.To.isPart(PartEtcd) || !f.isTCP(etcdClient):
		return false, ""
	case f.From.provider(tenant.Etcd) == f.To.Namespace:
		return true, "the label " + LabelAllowToEtcd + " opens the etcd of " + f.To.Namespace + ", which " +
			f.From.Namespace + " resolves to"
	case slices.Contains(f.From.Tenant.KeptEtcd, f.To.Namespace):
		return true, "the label " + LabelAllowToEtcd + " opens the etcd of " + f.To.Namespace + ", on which applications of " +
			f.From.Namespace + " stay"
	}

	return false, ""
}

func othersToEtcd(_ Site, f Flow) (bool, string) {
	if f.To.isPart(PartEtcd) {
		return false, "etcd is closed to everybody but pods with the label " + LabelAllowToEtcd + " of tenants that use it, " +
			"at its client port, and to its own tenant's other pods too"
	}

	return false, ""
}

func sameTenant(_ Site, f Flow) (bool, string) {
	if f.From.ofTenant() && f.To.ofTenant() && f.From.Namespace == f.To.Namespace {
		return true, "both are of " + f.From.Namespace
	}

	return false, ""
}

func fromAncestor(_ Site, f Flow) (bool, string) {
	if f.From.ofTenant() && f.To.ofTenant() && slices.Contains(f.To.Tenant.Ancestors, f.From.Namespace) {
		return true, f.From.Namespace + " is an ancestor of " + f.To.Namespace
	}

	return false, ""
}

func toService(_ Site, f Flow) (bool, string) {
	if !f.From.ofTenant() {
		return false, ""
	}

	for _, door := range doors() {
		if f.To.isPart(door.part) && f.From.provider(door.service) == f.To.Namespace && f.isTCP(door.ports...) {
			return true, f.From.Namespace + " resolves to the " + door.service.String() + " of " + f.To.Namespace
		}
	}

	return false, ""
}

func otherTenants(_ Site, f Flow) (bool, string) {
	if f.From.ofTenant() && f.To.ofTenant() {
		return false, f.From.Namespace + " is no ancestor of " + f.To.Namespace + ", and this is no port of a service that it resolves to"
	}

	return false, ""
}
