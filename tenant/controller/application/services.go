// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/application"
)

// Services tells how the cluster services of tenants are, and when that changes. It is safe for concurrent use.
type Services struct {
	world *world

	mu        sync.Mutex
	listeners []func(application.Provider)
}

// ServiceState is how the object that runs a service in a tenant's namespace is.
type ServiceState struct {
	// IsPublished says whether the API server serves the kind. Without it there is no object, and none can be made.
	IsPublished bool
	IsThere     bool
	// IsReady says that the service can be used as the object's present spec asks.
	IsReady bool
	// Reason and Message are those of the object's condition Ready. Empty: nobody has said anything yet.
	Reason, Message string
}

// Listen has heard called whenever the state of a service changes: that of every tenant where the provider's namespace is
// empty, as when its kind is published. It must not block. Call it before the controller starts.
func (s *Services) Listen(heard func(application.Provider)) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.listeners = append(s.listeners, heard)
}

// State reads a cache. A kind whose cache is still filling up counts as not published; whoever listens is told when it is.
func (s *Services) State(ctx context.Context, of application.Provider) (ServiceState, error) {
	one, isServed := s.world.kinds.get(of.Service.Kind())
	if !isServed || one.definition == nil || !s.world.watches.isFilled(one.gvk()) {
		return ServiceState{}, nil
	}

	object := one.object()

	err := s.world.objects.Get(ctx, client.ObjectKey{Namespace: of.Namespace, Name: of.Service.String()}, object)
	if apierrors.IsNotFound(err) {
		return ServiceState{IsPublished: true}, nil
	}

	if err != nil {
		return ServiceState{}, fmt.Errorf("get %s of %s: %w", one.name, of.Namespace, err)
	}

	return stateOf(object), nil
}

func stateOf(object *unstructured.Unstructured) ServiceState {
	state := ServiceState{IsPublished: true, IsThere: true}

	status := statusOf(object)
	if ready := meta.FindStatusCondition(status.Conditions, application.ConditionReady); ready != nil {
		state.Reason, state.Message = ready.Reason, ready.Message
		state.IsReady = ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == object.GetGeneration() &&
			object.GetDeletionTimestamp() == nil
	}

	return state
}

// ready says of each provider whether it can be used, the same each time it is asked. failed is what kept it from knowing.
func (s *Services) ready(ctx context.Context) (isReady func(application.Provider) bool, failed func() error) {
	known := map[application.Provider]bool{}

	var failure error

	isReady = func(provider application.Provider) bool {
		is, isKnown := known[provider]
		if !isKnown {
			state, err := s.State(ctx, provider)
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

// heard is told of each object of a kind that runs a service, as it was and is, nil where it was or is not.
func (s *Services) heard(service tenant.Service, was, is *unstructured.Unstructured) {
	var before, now ServiceState

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

	s.tell(provider)
}

// tell wakes whoever uses a service; that of any tenant where the namespace is empty.
func (s *Services) tell(provider application.Provider) {
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()

	for _, heard := range listeners {
		heard(provider)
	}

	s.world.waves.add(wave{service: provider.Service.String(), providedBy: provider.Namespace})
}
