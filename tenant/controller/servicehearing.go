// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// hearing wakes those to whom a change of an application matters.
type hearing struct {
	tree *tree
	// tenants are reconciled anew.
	tenants *watch.Wakes[reconcile.Request]
	// pass goes through the whole tree.
	pass *passes
}

// object is told of an application or a definition as it was and is; one of them may be nil.
func (h *hearing) object(was, is *unstructured.Unstructured) {
	object := is
	if is == nil {
		object = was
	}

	switch {
	case object == nil:
		return
	case object.GetKind() == definition.ApplicationDefinitionKind:
		h.definition(was, is)

		return
	case !slices.Equal(usesOf(was), usesOf(is)):
		h.pass.ask()
		h.tenants.Add(requests(h.tree.stopping(usesOf(was)...))...)
	}

	for _, service := range tenant.Services() {
		if service.Kind() != object.GetKind() || service.String() != object.GetName() {
			continue
		}

		h.tenants.Add(requests(h.tree.tenantWith(object.GetNamespace()))...)

		if service == tenant.Etcd && is == nil {
			h.pass.ask() // it may have stayed for who used it
		}

		if isReady(was) != isReady(is) {
			h.tenants.Add(requests(h.tree.resolvedTo(service, object.GetNamespace()))...)
		}
	}
}

// kind hears that a kind of applications came or went.
func (h *hearing) kind() {
	h.pass.ask()
	h.all()
}

// all wakes everybody.
func (h *hearing) all() { h.tenants.Add(requests(h.tree.all())...) }

// policy is told of a policy of Cilium as it was and is; one of them may be nil. One that comes is the controller's own write, of a new
// policy or of one that had lost its labels, and then somebody's rules may have come with it, which nobody could see before.
func (h *hearing) policy(was, is *unstructured.Unstructured) {
	switch {
	case is != nil && saysMore(is):
		h.tenants.Add(h.tree.tenantKept(is)...)
	case was != nil && (is == nil || isTouched(was, is)):
		h.tenants.Add(h.tree.tenantKept(was)...)
	}
}

// saysMore says whether there are rules in a policy of Cilium beside those in specs, where the controller's are.
func saysMore(policy *unstructured.Unstructured) bool {
	for key := range policy.Object {
		if isContent(key) && key != "specs" {
			return true
		}
	}

	return false
}

// definition wakes those who say why a kind is not published.
func (h *hearing) definition(was, is *unstructured.Unstructured) {
	for _, service := range tenant.Services() {
		if publicationOf(was, service) != publicationOf(is, service) {
			h.tenants.Add(requests(h.tree.running(service))...)
		}
	}
}

func isReady(object *unstructured.Unstructured) bool { return object != nil && stateOf(object).isReady }

// tenantWith is the tenant with a namespace, if any.
func (t *tree) tenantWith(namespace string) []types.NamespacedName {
	t.mu.RLock()
	defer t.mu.RUnlock()

	if key, isKnown := t.namespaces[namespace]; isKnown {
		return []types.NamespacedName{key}
	}

	return nil
}

// resolvedTo are the tenants that use the service of the tenant with a namespace, itself included.
func (t *tree) resolvedTo(service tenant.Service, namespace string) []types.NamespacedName {
	return t.those(func(e entry) bool { return e.resolved.Services[service].Namespace == namespace })
}

// running are the tenants that run a service themselves.
func (t *tree) running(service tenant.Service) []types.NamespacedName {
	return t.those(func(e entry) bool { return e.resolved.Services[service].Source == tenant.Own })
}

// all are all tenants.
func (t *tree) all() []types.NamespacedName { return t.those(func(entry) bool { return true }) }

func (t *tree) those(hold func(entry) bool) []types.NamespacedName {
	t.mu.RLock()
	defer t.mu.RUnlock()

	var keys []types.NamespacedName

	for key, one := range t.entries {
		if hold(one) {
			keys = append(keys, key)
		}
	}

	return keys
}
