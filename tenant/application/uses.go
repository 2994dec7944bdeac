// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
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

// used are the services that the application can't do without, or keeps its data in, and that somebody runs.
func (o Object) used() []Provider {
	namespaces, _ := o.providers()

	var used []Provider

	for _, service := range tenant.Services() {
		isUsed := slices.Contains(o.Definition.Spec.Needs, service.String()) || slices.Contains(o.Definition.Spec.Keeps, service.String())
		if isUsed && namespaces[service] != "" {
			used = append(used, Provider{Service: service, Namespace: namespaces[service]})
		}
	}

	return used
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
