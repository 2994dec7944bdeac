// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"cmp"
	"slices"
)

// Usage is one cluster service that one application uses.
type Usage struct {
	// Name is how people are told of the application, such as Kubernetes/prod. Empty: nobody knows which it is; the tenant may reach the
	// etcd all the same, and no dependent is counted.
	Name    string
	Service Service
	// Provider is the namespace of the tenant that runs the service.
	Provider string
}

// Etcds are the namespaces of all etcds that the tenant's pods may use: the one it resolves to and those that its applications
// keep. Empty: none.
func (r Resolved) Etcds() []string {
	etcds := slices.Clone(r.KeptEtcd)
	if resolved := r.Services[Etcd].Namespace; resolved != "" {
		etcds = append(etcds, resolved)
	}

	return etcds
}

// HasEtcd says whether an etcd of the tenant's own is there to be reached.
func (r Resolved) HasEtcd() bool { return r.Services[Etcd].Source == Own || r.StayingEtcd }

// InheritedEtcds are those of Etcds that other tenants run.
func (r Resolved) InheritedEtcds() []string {
	return slices.DeleteFunc(r.Etcds(), func(namespace string) bool { return namespace == r.Namespace })
}

// provider is the tenant that runs what an application uses: the tenant itself or one above it. Nil: nobody does, or somebody
// who can't be its provider.
func (n *node) provider(use Usage) *node {
	for ; n != nil; n = n.parent {
		if n.resolved.Namespace == use.Provider && n.resolved.Services[use.Service].Source == Own {
			return n
		}
	}

	return nil
}

// etcd is the tenant with that namespace if it is the tenant itself or one above it and has an etcd, also one that only stays
// because it is used. Nil: none such.
func (n *node) etcd(namespace string) *node {
	for ; n != nil; n = n.parent {
		if n.resolved.Namespace == namespace && n.resolved.HasEtcd() {
			return n
		}
	}

	return nil
}

// keepEtcds finds the etcds above the tenant that its applications stay on. It is the last to fill in what a tenant resolves to.
func (n *node) keepEtcds() {
	var kept []*node

	for _, use := range n.Applications {
		if use.Service != Etcd {
			continue
		}

		provider := n.etcd(use.Provider)
		if provider != nil && use.Provider != n.resolved.Services[Etcd].Namespace && !slices.Contains(kept, provider) {
			kept = append(kept, provider)
		}
	}

	slices.SortFunc(kept, func(a, b *node) int { return cmp.Compare(a.resolved.Level(), b.resolved.Level()) })

	for _, provider := range kept {
		n.resolved.KeptEtcd = append(n.resolved.KeptEtcd, provider.resolved.Namespace)
	}
}

// countApplications tells each provider which applications of a tenant use its services, in alphabetical order.
func (n *node) countApplications() {
	uses := slices.SortedFunc(slices.Values(n.Applications), func(a, b Usage) int { return cmp.Compare(a.Name, b.Name) })

	for _, use := range uses {
		if provider := n.provider(use); provider != nil && use.Name != "" {
			provider.resolved.Services[use.Service].Dependents.add(n.resolved.Namespace + "/" + use.Name)
		}
	}
}

// countDependents tells each provider who inherits from it, and which applications use it: also those of a tenant that was
// refused, as what was made before runs on.
func countDependents(placed []*node, accepted map[string]*node) {
	slices.SortFunc(placed, func(a, b *node) int { return cmp.Compare(a.resolved.Namespace, b.resolved.Namespace) })

	for _, n := range placed {
		for service, provision := range n.resolved.Services {
			if provision.Source == Inherited {
				accepted[provision.Namespace].resolved.Services[service].Dependents.add(n.resolved.Namespace)
			}
		}

		n.countApplications()
	}
}
