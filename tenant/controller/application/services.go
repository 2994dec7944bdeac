// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/application"
)

// serviceReady reads a cache. A kind whose cache is still filling up counts as not published; its users are woken when it is.
func (w *world) serviceReady(ctx context.Context, of application.Provider) (bool, error) {
	one, isServed := w.kinds.get(of.Service.Kind())
	if !isServed || one.definition == nil || !w.watches.isFilled(one.gvk()) {
		return false, nil
	}

	object := one.object()

	err := w.objects.Get(ctx, client.ObjectKey{Namespace: of.Namespace, Name: of.Service.String()}, object)
	if apierrors.IsNotFound(err) {
		return false, nil
	}

	if err != nil {
		return false, fmt.Errorf("get %s of %s: %w", one.name, of.Namespace, err)
	}

	return isReady(object), nil
}

// isReady says that what an object orders can be used as its present spec asks. Nil can't.
func isReady(object *unstructured.Unstructured) bool {
	if object == nil || object.GetDeletionTimestamp() != nil {
		return false
	}

	ready := meta.FindStatusCondition(statusOf(object).Conditions, application.ConditionReady)

	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == object.GetGeneration()
}

// servicesReady says of each provider whether it can be used, the same each time it is asked. failed is what kept it from knowing.
func (w *world) servicesReady(ctx context.Context) (canBeUsed func(application.Provider) bool, failed func() error) {
	known := map[application.Provider]bool{}

	var failure error

	canBeUsed = func(provider application.Provider) bool {
		is, isKnown := known[provider]
		if !isKnown {
			var err error
			if is, err = w.serviceReady(ctx, provider); err != nil {
				failure = err
			}

			known[provider] = is
		}

		return is
	}

	return canBeUsed, func() error { return failure }
}

// serviceChanged is told of each object of a kind that runs a service, as it was and is, nil where it was or is not.
func (w *world) serviceChanged(service tenant.Service, was, is *unstructured.Unstructured) {
	if isReady(was) == isReady(is) {
		return
	}

	there := is
	if there == nil {
		there = was
	}

	w.wakeUsers(application.Provider{Service: service, Namespace: there.GetNamespace()})
}

// wakeUsers wakes whoever uses a service; that of any tenant where the namespace is empty.
func (w *world) wakeUsers(provider application.Provider) {
	w.waves.Add(wave{service: provider.Service.String(), providedBy: provider.Namespace})
}

// sayKept says whether an application that is to be released tells already where its data will be, and if not, has it tell that, which
// comes back as an event. Whoever turns a service off goes by it, and a release stays with the service on which it was made: so nothing is
// released on one of which nobody knows that it is used. What changed meanwhile is seen by who looks again.
func (r *reconciler) sayKept(ctx context.Context, o application.Object, isReady func(application.Provider) bool) (bool, error) {
	if o.Release != nil {
		return true, nil
	}

	status := o.MakeStatus(application.Seen{IsReady: isReady, Now: r.now()})
	said := statusOf(o.Resource).Services

	for _, service := range o.Definition.Spec.Keeps {
		if said[service] != status.Services[service] {
			return false, r.writeStatus(ctx, o.Resource, status)
		}
	}

	return true, nil
}
