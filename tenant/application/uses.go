// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// Provider is one cluster service of one tenant.
type Provider struct {
	Service tenant.Service
	// Namespace is that of the tenant that runs it. Empty: nobody does.
	Namespace string
}

func (p Provider) String() string { return p.Service.String() + " of " + p.Namespace }

// Move says that an application stays with a provider though its tenant has another one by now.
type Move struct {
	Service  tenant.Service
	From, To string // namespaces; To is empty where the tenant has none any more
}

// providers are the namespaces of each service that the application's chart is told of, indexed by service. A service that
// keeps the application's data stays what it was when the application was released, wherever the tenant's moved since.
func (o Object) providers() (namespaces [tenant.ServiceCount]string, moved []Move) {
	kept := o.kept()

	for _, service := range tenant.Services() {
		resolved := o.Tenant.Services[service].Namespace
		namespaces[service] = resolved

		was := kept[service.String()]
		if was == "" || was == resolved || !slices.Contains(o.Definition.Spec.Keeps, service.String()) {
			continue
		}

		namespaces[service] = was
		moved = append(moved, Move{Service: service, From: was, To: resolved})
	}

	return namespaces, moved
}

// kept is what the application was released with: by the HelmRelease's own values, or by the status if the HelmRelease was
// lost. An application that was never released has no data anywhere.
func (o Object) kept() map[string]string {
	if o.Release == nil {
		if status := o.status(); status.Release != "" {
			return status.Services
		}

		return nil
	}

	if o.taken() != nil {
		return nil
	}

	services, _, err := unstructured.NestedStringMap(o.Release.Object, "spec", "values", platformKey, "services")
	if err != nil {
		return nil
	}

	return services
}

// WaitedFor are the cluster services that applications of a kind wait for. One may be there twice.
func WaitedFor(kind *definition.ApplicationDefinition) []string {
	return slices.Concat(kind.Spec.Needs, kind.Spec.Keeps)
}

// servicesOf are those that they depend on in any way.
func servicesOf(kind *definition.ApplicationDefinition) []string {
	return append(WaitedFor(kind), kind.Spec.Uses...)
}

// missed are sentences on the services that the application would use and that nobody runs.
func (o Object) missed() []string {
	var missed []string

	namespaces, _ := o.providers()
	for _, service := range tenant.Services() {
		isNeeded := slices.Contains(o.Definition.Spec.Needs, service.String())
		if slices.Contains(o.Definition.Spec.Uses, service.String()) && !isNeeded && namespaces[service] == "" {
			missed = append(missed, fmt.Sprintf("no %s: neither this tenant nor one above it runs it; the application goes without", service))
		}
	}

	return missed
}

// dependsOn are the services that the application depends on in any way and that somebody runs.
func (o Object) dependsOn() []Provider { return o.provided(servicesOf(o.Definition)) }

// used are the services that the application can't do without, or keeps its data in, and that somebody runs.
func (o Object) used() []Provider {
	return o.provided(WaitedFor(o.Definition))
}

// provided are those of some services that somebody runs for the application.
func (o Object) provided(services []string) []Provider {
	namespaces, _ := o.providers()

	var provided []Provider

	for _, service := range tenant.Services() {
		if slices.Contains(services, service.String()) && namespaces[service] != "" {
			provided = append(provided, Provider{Service: service, Namespace: namespaces[service]})
		}
	}

	return provided
}

// Waits says what the application waits for, a sentence each: services that it needs, and those that keep its data. None: it
// may be released. A nil isReady counts none as ready. An application that waits is not released; one that was released before stays as it is.
//
//	etcd of tenant-alpha is not ready
func (o Object) Waits(isReady func(Provider) bool) []string {
	var waits []string

	namespaces, _ := o.providers()
	for _, service := range tenant.Services() {
		if slices.Contains(o.Definition.Spec.Needs, service.String()) && namespaces[service] == "" {
			waits = append(waits, fmt.Sprintf("no %s: neither this tenant nor one above it runs it", service))
		}
	}

	for _, provider := range o.used() {
		if isReady == nil || !isReady(provider) {
			waits = append(waits, provider.String()+" is not ready")
		}
	}

	return waits
}
