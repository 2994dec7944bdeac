// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/application"
)

// fillInterval is how soon a cache that is filling up is looked at again. Nobody but this process is asked.
const fillInterval = time.Second

// wave asks for all objects that something concerns to be looked at. What is zero bounds nothing.
type wave struct {
	kind      string
	namespace string
	// service bounds it to the objects that use that cluster service, and providedBy to that of the tenant with that namespace.
	service, providedBy string
	// release bounds it to the object whose HelmRelease has that name.
	release string
}

// waver hands waves on to the reconciler of applications, object by object.
type waver struct{ *world }

// Reconcile reads caches only.
func (w *waver) Reconcile(ctx context.Context, of wave) (reconcile.Result, error) {
	for _, one := range w.kinds.all() {
		if of.kind != "" && of.kind != one.name {
			continue
		}

		// Objects may have been looked at before there was anything to see, and the rest of them are yet to come.
		// That kind alone is waited for: a cache that can't fill must not have all objects looked at each second.
		if !w.watches.isFilled(one.gvk()) {
			if of.kind != "" {
				return reconcile.Result{RequeueAfter: fillInterval}, nil
			}

			rest := of
			rest.kind = one.name
			w.waves.Add(rest)

			continue
		}

		if err := w.wake(ctx, one, of); err != nil {
			return reconcile.Result{}, err
		}

		if service, isService := tenant.ServiceOf(one.name); isService && of == (wave{kind: one.name}) {
			w.wakeUsers(application.Provider{Service: service})
		}
	}

	return reconcile.Result{}, nil
}

func (w *waver) wake(ctx context.Context, one kind, of wave) error {
	list := one.list()

	err := w.objects.List(ctx, list, client.InNamespace(of.namespace), client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list objects of kind %s: %w", one.name, err)
	}

	for i := range list.Items {
		object := &list.Items[i]
		if of.service != "" && !w.isUser(one, object, of) {
			continue
		}

		if of.release != "" && (one.definition == nil || application.ReleaseName(one.definition, object.GetName()) != of.release) {
			continue
		}

		w.applications.Add(request{kind: one.name, key: client.ObjectKeyFromObject(object)})

		if of.kind != "" || of.namespace == "" {
			w.namespaces.Add(named(object.GetNamespace()))
		}
	}

	return nil
}

// isUser says whether an object uses, or is to use, the service of a wave.
func (w *world) isUser(one kind, object *unstructured.Unstructured, of wave) bool {
	if one.definition == nil || !slices.Contains(application.WaitedFor(one.definition), of.service) {
		return false
	}

	if used, _, _ := unstructured.NestedString(object.Object, "status", "services", of.service); of.providedBy == "" || used == of.providedBy {
		return true
	}

	resolved, isAccepted := w.tenants.Resolved(object.GetNamespace())

	for _, service := range tenant.Services() {
		if isAccepted && service.String() == of.service {
			return resolved.Services[service].Namespace == of.providedBy
		}
	}

	return false
}
