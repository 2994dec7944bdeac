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

// serviceState is how the object that runs a service in a tenant's namespace is.
type serviceState struct {
	// IsPublished says whether the API server serves the kind. Without it there is no object, and none can be made.
	IsPublished bool
	IsThere     bool
	// IsReady says that the service can be used as the object's present spec asks.
	IsReady bool
	// Reason and Message are those of the object's condition Ready. Empty: nobody has said anything yet.
	Reason, Message string
}

// serviceState reads a cache. A kind whose cache is still filling up counts as not published; its users are woken when it is.
func (w *world) serviceState(ctx context.Context, of application.Provider) (serviceState, error) {
	one, isServed := w.kinds.get(of.Service.Kind())
	if !isServed || one.definition == nil || !w.watches.isFilled(one.gvk()) {
		return serviceState{}, nil
	}

	object := one.object()

	err := w.objects.Get(ctx, client.ObjectKey{Namespace: of.Namespace, Name: of.Service.String()}, object)
	if apierrors.IsNotFound(err) {
		return serviceState{IsPublished: true}, nil
	}

	if err != nil {
		return serviceState{}, fmt.Errorf("get %s of %s: %w", one.name, of.Namespace, err)
	}

	return stateOf(object), nil
}

func stateOf(object *unstructured.Unstructured) serviceState {
	state := serviceState{IsPublished: true, IsThere: true}

	status := statusOf(object)
	if ready := meta.FindStatusCondition(status.Conditions, application.ConditionReady); ready != nil {
		state.Reason, state.Message = ready.Reason, ready.Message
		state.IsReady = ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == object.GetGeneration() &&
			object.GetDeletionTimestamp() == nil
	}

	return state
}

// servicesReady says of each provider whether it can be used, the same each time it is asked. failed is what kept it from knowing.
func (w *world) servicesReady(ctx context.Context) (isReady func(application.Provider) bool, failed func() error) {
	known := map[application.Provider]bool{}

	var failure error

	isReady = func(provider application.Provider) bool {
		is, isKnown := known[provider]
		if !isKnown {
			state, err := w.serviceState(ctx, provider)
			if err != nil {
				failure = err
			}

			is = state.IsReady
			known[provider] = is
		}

		return is
	}

	return isReady, func() error { return failure }
}

// serviceChanged is told of each object of a kind that runs a service, as it was and is, nil where it was or is not.
func (w *world) serviceChanged(service tenant.Service, was, is *unstructured.Unstructured) {
	var before, now serviceState

	provider := application.Provider{Service: service}

	if was != nil {
		before, provider.Namespace = stateOf(was), was.GetNamespace()
	}

	if is != nil {
		now, provider.Namespace = stateOf(is), is.GetNamespace()
	}

	if before == now {
		return
	}

	w.wakeUsers(provider)
}

// wakeUsers wakes whoever uses a service; that of any tenant where the namespace is empty.
func (w *world) wakeUsers(provider application.Provider) {
	w.waves.Add(wave{service: provider.Service.String(), providedBy: provider.Namespace})
}
