// SPDX-License-Identifier: Apache-2.0

package tenant

import "fmt"

// Service is one of the cluster services that a tenant runs itself or takes from an ancestor.
type Service int

// The cluster services. Their String is their name everywhere: in spec, in labels, and as the name of their resource.
const (
	Etcd Service = iota
	Monitoring
	Ingress
	SeaweedFS
	// ServiceCount is how many there are, for arrays indexed by Service.
	ServiceCount int = iota
)

// Services lists them all, in the order in which they are shown.
func Services() [ServiceCount]Service { return [...]Service{Etcd, Monitoring, Ingress, SeaweedFS} }

func (s Service) String() string {
	switch s {
	case Etcd:
		return "etcd"
	case Monitoring:
		return "monitoring"
	case Ingress:
		return "ingress"
	case SeaweedFS:
		return "seaweedfs"
	}

	return fmt.Sprintf("Service(%d)", int(s))
}

// Kind is that of the resource which runs the service, in the API group of tenants. Empty for what is no service.
func (s Service) Kind() string {
	switch s {
	case Etcd:
		return "Etcd"
	case Monitoring:
		return "Monitoring"
	case Ingress:
		return "Ingress"
	case SeaweedFS:
		return "SeaweedFS"
	}

	return ""
}

// ServiceOf is the service that objects of a kind run. False: they run none.
func ServiceOf(kind string) (Service, bool) {
	for _, service := range Services() {
		if service.Kind() == kind {
			return service, true
		}
	}

	return 0, false
}

// Flags says of each service whether a tenant runs it, indexed by Service.
type Flags [ServiceCount]bool

// Source says where a tenant's service comes from. The zero value is no source at all and occurs in no result.
type Source string

// The sources.
const (
	Own       Source = "own"
	Inherited Source = "inherited"
	None      Source = "none"
)

// Provision is how one service resolves for one tenant.
type Provision struct {
	Source Source
	// Namespace is the provider's: the tenant's own or that of the nearest ancestor that runs the service. Empty for None.
	Namespace string
	// Dependents are the tenants that inherit the service from this one, and the applications that use it, in the tenant's own
	// namespace and below, also in those of tenants that are refused. Zero unless the source is Own.
	Dependents Dependents
}

// maxDependents bounds the names in a status: it is written anew with each change, and kept in etcd.
const maxDependents = 10

// Dependents counts who depends on a service, and names some of them.
type Dependents struct {
	Count int
	// First names the first ten, tenant by tenant in alphabetical order of their namespaces: a tenant by its namespace, an
	// application as Usage.Name behind that of its tenant and a slash.
	First []string
}

func (d *Dependents) add(name string) {
	d.Count++
	if d.Count <= maxDependents {
		d.First = append(d.First, name)
	}
}

// provisions resolves each service to the tenant itself, else to the parent's provider, which is the nearest ancestor
// that runs it.
func provisions(namespace string, runs Flags, parent *Resolved) [ServiceCount]Provision {
	var all [ServiceCount]Provision

	for i := range all {
		switch {
		case runs[i]:
			all[i] = Provision{Source: Own, Namespace: namespace}
		case parent != nil && parent.Services[i].Source != None:
			all[i] = Provision{Source: Inherited, Namespace: parent.Services[i].Namespace}
		default:
			all[i] = Provision{Source: None}
		}
	}

	return all
}
