// SPDX-License-Identifier: Apache-2.0

package tenant

const (
	// AncestorLabel and a namespace make the key of a label that a tenant's namespace carries for each of its ancestors and
	// for itself, with an empty value: policies name an ancestor by it, without naming the tenants below.
	AncestorLabel = "tenant.cozystack.io/"
	// ServiceLabel and a service make the key of a label whose value is the namespace that provides the service.
	ServiceLabel = "namespace.cozystack.io/"
	// EtcdLabel and a namespace make the key of a label, with an empty value, for each etcd that pods in a tenant's namespace may
	// reach: the one it resolves to, and those on which its applications stay.
	EtcdLabel = "etcd.cozystack.io/"
)

// Labels are what the tenant's namespace carries so that policies and scrapers find it: who its ancestors are, and who
// provides its services. Every key and value fits, since a namespace has at most 63 characters.
//
//	bar in foo in root, etcd its own, ingress of root ->
//	tenant.cozystack.io/tenant-root: "", tenant.cozystack.io/tenant-foo: "", tenant.cozystack.io/tenant-foo-bar: "",
//	namespace.cozystack.io/etcd: tenant-foo-bar, namespace.cozystack.io/ingress: tenant-root,
//	etcd.cozystack.io/tenant-foo-bar: ""
func (r Resolved) Labels() map[string]string {
	labels := make(map[string]string, len(r.Ancestors)+1+ServiceCount)

	for _, ancestor := range r.Ancestors {
		labels[AncestorLabel+ancestor] = ""
	}

	labels[AncestorLabel+r.Namespace] = ""

	for _, service := range Services() {
		if provider := r.Services[service].Namespace; provider != "" {
			labels[ServiceLabel+service.String()] = provider
		}
	}

	for _, namespace := range r.Etcds() {
		labels[EtcdLabel+namespace] = ""
	}

	return labels
}
