// SPDX-License-Identifier: Apache-2.0

// Package tenant holds the rules of the tenant system as pure functions: which names are legal, which namespace, host,
// groups and release a tenant has, and which tenant provides it with etcd, monitoring, ingress and seaweedfs.
//
// It takes values and returns values: it knows neither the resource types nor the API server, starts nothing and reads
// no clock. The parent of a tenant is a pointer, the namespace its object lives in. Nothing here, or anywhere else,
// takes a namespace name apart to find it.
//
// What an access level may do is said by the ClusterRoles of chart tenant-roles.
package tenant

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Tenant is what the rules need to know of one Tenant resource.
type Tenant struct {
	// Namespace is where the object lives: the namespace of its parent, and for the root its own.
	Namespace string
	Name      string
	// UID breaks the tie between two tenants made within one second.
	UID types.UID
	// Created decides who keeps a host that two tenants want. Zero counts as older than everything.
	Created time.Time
	// IsDeleting says that the tenant is being deleted, and with it all that it had below when that began.
	IsDeleting bool
	// IsSettled says that the tenant was accepted when last looked at. Of tenants made within one second, as the API server
	// keeps whole seconds only, those that are settled count as older: else one whose UID happens to be lower would take the
	// host from one for which a namespace was made a moment ago.
	IsSettled bool
	// WasSettled says that the tenant was accepted once and was refused when last looked at: what was made for it goes on, and Holds
	// counts as that of an accepted one does, until it is accepted again or gone.
	WasSettled bool
	// Host is the domain the user asked for. Empty: inherited from the parent.
	Host string
	// Runs says which cluster services the tenant runs itself.
	Runs Flags
	// EtcdStays says that its etcd is still there, which counts where it runs none any more: somebody uses it, or it is being removed.
	EtcdStays bool
	// Applications are those in the tenant's own namespace that use cluster services, as far as known. Nil: none.
	Applications []Usage
	// SchedulingClass is used where no ancestor has one.
	SchedulingClass string
	// HoldsHost is the host that it had when last looked at. It counts only where IsSettled; empty: it had none.
	HoldsHost string
	// Bounds is what the spec asks for. Nil: nothing is bounded.
	Bounds Bounds
	// Holds are the bounds that held when the tenant was last accepted. It counts only where IsSettled or WasSettled; nil then
	// means that nothing was bounded.
	Holds Bounds
	// Uses is what the tenant's own namespace uses of what it bounds, as far as known: nobody below gets that. Nil: nothing.
	Uses Bounds
}

// Key names the object, unique in a cluster.
func (t Tenant) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: t.Namespace, Name: t.Name}
}

// IsRoot says whether this is the one tenant that lives in its own namespace.
func (t Tenant) IsRoot() bool { return t.Namespace == RootNamespace && t.Name == RootName }

// Resolved is what follows for a tenant from its place in the tree.
type Resolved struct {
	// Tenant names the object this was resolved for.
	Tenant types.NamespacedName
	// Namespace is the tenant's own: its applications and its children's objects live there.
	Namespace string
	// Ancestors are the namespaces from tenant-root down to the parent. Empty for the root.
	Ancestors []string
	// Host is the tenant's domain. Empty if neither it nor an ancestor has one.
	Host string
	// SchedulingClass is the nearest to the root that an ancestor or the tenant itself set.
	SchedulingClass string
	// Quota is what the tenant may use.
	Quota Quota
	// Services says who provides each cluster service, indexed by Service.
	Services [ServiceCount]Provision
	// KeptEtcd are the namespaces of the ancestors, from the root down, on whose etcd applications of the tenant stay though it
	// resolves to another by now: data is not moved. Empty: none.
	KeptEtcd []string
	// StayingEtcd says that the tenant's own etcd is still there though the tenant does not run it any more: its members and
	// those whose applications stay on it go on to talk.
	StayingEtcd bool
}

// Level is the number of ancestors: 0 for the root.
func (r Resolved) Level() int { return len(r.Ancestors) }

// Parent is the parent's namespace, empty for the root.
func (r Resolved) Parent() string {
	if len(r.Ancestors) == 0 {
		return ""
	}

	return r.Ancestors[len(r.Ancestors)-1]
}
