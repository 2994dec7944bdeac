// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/application"
)

// Finalizer keeps an application until its release is gone.
const Finalizer = "cozystack.io/application"

// reconciler brings one application to what its spec asks for.
type reconciler struct{ *world }

// Reconcile looks at the application once and writes only what differs. Whatever it waits for wakes it by an event.
func (r *reconciler) Reconcile(ctx context.Context, of request) (reconcile.Result, error) {
	one, isServed := r.kinds.get(of.kind)
	if !isServed || !r.watches.isFilled(one.gvk()) { // a wave comes when it is
		return reconcile.Result{}, nil
	}

	object := one.object()

	err := r.objects.Get(ctx, of.key, object)
	if apierrors.IsNotFound(err) {
		if one.definition == nil { // its kind may go with the last object
			r.definitions.Add(named(one.owner))
		}

		return reconcile.Result{}, nil
	}

	var result reconcile.Result
	if err == nil {
		result, err = r.reconcile(ctx, one, object)
	}

	if apierrors.IsConflict(err) {
		// The cache was behind. The newer state is on its way, and comes with an event.
		r.log.DebugContext(ctx, "the application changed meanwhile", "kind", of.kind, "application", of.key.String())

		return reconcile.Result{}, nil
	}

	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reconcile %s %s: %w", of.kind, of.key, err)
	}

	return result, nil
}

func (r *reconciler) reconcile(ctx context.Context, one kind, object *unstructured.Unstructured) (reconcile.Result, error) {
	switch {
	case object.GetDeletionTimestamp() != nil:
		return r.takeDown(ctx, one.leftovers, object)
	case one.definition == nil || !r.tenants.IsKnown():
		return reconcile.Result{}, nil
	}

	if isWhole, err := r.isWhole(ctx); err != nil || !isWhole || !r.seesServices(one) {
		return reconcile.Result{}, err
	}

	// Without a tenant it stays zero: package application says why no release is made then.
	resolved, _ := r.tenants.Resolved(object.GetNamespace())
	o := application.Object{Resource: object, Definition: one.definition, Tenant: resolved, Platform: r.platform}

	var err error
	if o.Release, err = r.release(ctx, o); err != nil {
		return reconcile.Result{}, err
	}

	// Also where it was taken off: the release would outlive it.
	if isReleaseOf(o.Release, object) {
		if err := r.hold(ctx, object); err != nil {
			return reconcile.Result{}, err
		}
	}

	isReady, failed := r.servicesReady(ctx)
	waits := o.Waits(isReady)

	if err := failed(); err != nil {
		return reconcile.Result{}, err
	}

	if len(waits) == 0 {
		if isSaid, err := r.sayKept(ctx, o, isReady); err != nil || !isSaid {
			return reconcile.Result{}, err
		}

		if o.Release, err = r.keepRelease(ctx, o); err != nil {
			return reconcile.Result{}, err
		}
	}

	health, result, err := r.health(ctx, one, o)
	if err != nil {
		return reconcile.Result{}, err
	}

	// After a start: what was said of this generation holds until the cache that would tell is filled.
	if slices.ContainsFunc(one.health, func(j judge) bool { return r.watches.isFilling(j.gvk) }) &&
		statusOf(object).ObservedGeneration == object.GetGeneration() {
		return result, nil
	}

	status := o.MakeStatus(application.Seen{IsReady: isReady, Health: health, Now: r.now()})

	return result, r.writeStatus(ctx, object, status)
}

// hold puts the finalizer on an application.
func (r *reconciler) hold(ctx context.Context, object *unstructured.Unstructured) error {
	before := object.DeepCopy()
	if !controllerutil.AddFinalizer(object, Finalizer) {
		return nil
	}

	if err := r.patch(ctx, object, before); err != nil {
		return fmt.Errorf("add its finalizer: %w", err)
	}

	return nil
}

// letGo takes the finalizer off.
func (r *reconciler) letGo(ctx context.Context, object *unstructured.Unstructured) error {
	before := object.DeepCopy()
	if !controllerutil.RemoveFinalizer(object, Finalizer) {
		return nil
	}

	if err := client.IgnoreNotFound(r.patch(ctx, object, before)); err != nil {
		return fmt.Errorf("remove its finalizer: %w", err)
	}

	return nil
}

// patch writes the difference, unless the object changed since it was read: a list such as the finalizers is replaced as a
// whole, and must not undo what somebody else did to it.
func (r *reconciler) patch(ctx context.Context, object, before *unstructured.Unstructured) error {
	return r.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(FieldManager))
}

// writeStatus writes the status if it says anything new.
func (r *reconciler) writeStatus(ctx context.Context, object *unstructured.Unstructured, status application.Status) error {
	wanted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return fmt.Errorf("convert its status: %w", err)
	}

	found, _, _ := unstructured.NestedFieldNoCopy(object.Object, "status")
	if equality.Semantic.DeepEqual(found, any(wanted)) {
		return nil
	}

	before := object.DeepCopy()
	object.Object["status"] = wanted

	err = r.client.Status().Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(FieldManager))
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("write its status: %w", err)
	}

	r.tell(object, statusOf(before).Conditions, status.Conditions)

	return nil
}
