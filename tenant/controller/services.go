// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// serviceKey names the object that runs a service of the tenant with that namespace.
func serviceKey(service tenant.Service, namespace string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: service.String()}
}

// ensureServices makes the object of each service that the tenant runs, takes away those of the others, and says what they
// say of themselves. Specs are their users'.
func (r *reconciler) ensureServices(ctx context.Context, t *v1alpha1.Tenant, resolved tenant.Resolved) (step, error) {
	if err := r.kinds.learn(ctx); err != nil {
		return step{}, err
	}

	all := step{isDone: true, reason: v1alpha1.ConditionServicesReady}

	var undone, said []string

	for _, service := range tenant.Services() {
		take := r.stopService
		if resolved.Services[service].Source == tenant.Own {
			take = r.runService
		}

		one, err := take(ctx, t, resolved.Namespace, service)
		all.again = max(all.again, one.again) // all pauses are the same

		switch {
		case err != nil:
			return step{}, err
		case one.isDone && one.message != "":
			said = append(said, one.message)
		case !one.isDone:
			if all.isDone {
				all.isDone, all.reason = false, one.reason
			}

			undone = append(undone, one.message)
			all.retry = errors.Join(all.retry, one.retry)
		}
	}

	all.message = strings.Join(append(undone, said...), "; ")

	return all, nil
}

// runService makes the object of a service, or says what it says of itself.
func (r *reconciler) runService(ctx context.Context, t *v1alpha1.Tenant, namespace string, service tenant.Service) (step, error) {
	switch kind := serviceKind(service); {
	case r.kinds.isUnread(kind):
		return unreadService(service), nil
	case !r.kinds.serves(kind):
		why, err := r.whyNotPublished(ctx, service)

		return step{reason: "KindNotPublished", message: why}, err
	}

	// The data that may be lost is that of before.
	if err := r.useUp(ctx, t, v1alpha1.AnnotationAcceptDataLoss, service); err != nil {
		return step{}, err
	}

	object, err := r.serviceObject(ctx, service, namespace)

	switch {
	case err != nil:
		return step{}, err
	case object == nil:
		return r.startService(ctx, namespace, service)
	case !object.GetDeletionTimestamp().IsZero():
		return step{reason: "ServiceTerminating", message: fmt.Sprintf("%s is still being removed%s; it is made again when it is gone",
			service, ownWords(object))}, nil
	}

	if err := r.forgetSaved(ctx, object); err != nil {
		return step{}, err
	}

	if state := stateOf(object); !state.isReady {
		return step{reason: "ServiceNotReady", message: fmt.Sprintf("%s is not ready: %s", service, state.message)}, nil
	}

	return step{isDone: true}, nil
}

// startService makes the object of a service: with the spec that was saved when it was turned off, else with an empty one.
func (r *reconciler) startService(ctx context.Context, namespace string, service tenant.Service) (step, error) {
	object := watch.Object(serviceKind(service))
	object.SetNamespace(namespace)
	object.SetName(service.String())
	object.SetLabels(ManagedLabels())

	spec, version, err := r.savedSpec(ctx, namespace, service)
	if err != nil {
		return triedAgain("SavedSpecUnreadable", err)
	}

	isSaved := version != ""

	object.Object["spec"] = spec
	if isSaved {
		object.SetAnnotations(map[string]string{annotationRestored: version})
	}

	err = r.client.Create(ctx, object, client.FieldOwner(FieldManager))

	switch {
	case apierrors.IsAlreadyExists(err): // the cache was behind, and hears of it
	case err != nil && isSaved && (apierrors.IsInvalid(err) || apierrors.IsForbidden(err)):
		return step{
			reason: "SavedSpecRefused", retry: err,
			message: fmt.Sprintf("%s can't be made with the spec that was saved: %v; mend ConfigMap %s in %s, or delete it to begin with an "+
				"empty spec", service, err, savedName(service), namespace),
		}, nil
	case err != nil:
		return step{}, fmt.Errorf("create %s %s in %s: %w", service.Kind(), service, namespace, err)
	default:
		r.log.InfoContext(ctx, "made a cluster service", "service", service.String(), "namespace", namespace, "restored", isSaved)
	}

	return step{reason: "ServiceNotReady", message: fmt.Sprintf("%s is not ready: it was made a moment ago", service)}, nil
}

// unreadService is said of a service whose object may be there or not.
func unreadService(service tenant.Service) step {
	return step{reason: reasonKindNotRead, message: fmt.Sprintf("nothing is known of %s: %s", service, unreadObjects(service.Kind()))}
}

// triedAgain tells what failed, and has it tried again.
func triedAgain(reason string, err error) (step, error) {
	return step{reason: reason, message: err.Error(), retry: err}, nil
}

// stopService takes a service away that the tenant does not run any more and nobody uses: its spec is saved, what it runs goes, and
// its volumes stay until their loss is accepted.
func (r *reconciler) stopService(ctx context.Context, t *v1alpha1.Tenant, namespace string, service tenant.Service) (step, error) {
	switch kind := serviceKind(service); {
	case r.kinds.isUnread(kind):
		return unreadService(service), nil
	case !r.kinds.serves(kind):
		return step{isDone: true}, nil
	}

	object, err := r.serviceObject(ctx, service, namespace)
	if err == nil && (object == nil || !object.GetDeletionTimestamp().IsZero()) {
		err = r.useUp(ctx, t, v1alpha1.AnnotationForceDisable, service) // it was, or was not needed
	}

	switch {
	case err != nil:
		return step{}, err
	case object == nil:
		return r.leftVolumes(ctx, t, namespace, service)
	case object.GetDeletionTimestamp().IsZero():
		if used, err := r.inUse(ctx, t, namespace, service); err != nil || used.reason != "" {
			return used, err
		}

		if err := r.saveSpec(ctx, object, service); err != nil {
			return step{}, err
		}

		// Exactly what was saved: a spec that changed meanwhile is a conflict, and comes with an event.
		uid, version := object.GetUID(), object.GetResourceVersion()

		err := r.client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if err = client.IgnoreNotFound(err); err != nil {
			return step{}, fmt.Errorf("delete %s %s in %s: %w", service.Kind(), service, namespace, err)
		}

		r.log.InfoContext(ctx, "turned a cluster service off", "service", service.String(), "namespace", namespace)
	}

	return step{reason: "ServiceTerminating", message: fmt.Sprintf("%s is turned off and being removed%s", service, ownWords(object))}, nil
}

// serviceObject is the object of a service as the cache has it, nil where there is none. Its kind must be served.
func (r *reconciler) serviceObject(ctx context.Context, service tenant.Service, namespace string) (*unstructured.Unstructured, error) {
	object := watch.Object(serviceKind(service))

	err := r.applications.Get(ctx, serviceKey(service, namespace), object)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("get %s %s in %s: %w", service.Kind(), service, namespace, err)
	}

	return object.DeepCopy(), nil
}

// servicesReady says which services the tenant can use, its own and those of others.
func (r *reconciler) servicesReady(ctx context.Context, resolved tenant.Resolved) (tenant.Flags, error) {
	var ready tenant.Flags

	for _, service := range tenant.Services() {
		provider := resolved.Services[service].Namespace
		if provider == "" || !r.kinds.serves(serviceKind(service)) {
			continue
		}

		object, err := r.serviceObject(ctx, service, provider)
		if err != nil {
			return ready, err
		}

		ready[service] = object != nil && stateOf(object).isReady
	}

	return ready, nil
}
