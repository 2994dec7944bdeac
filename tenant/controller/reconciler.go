// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// reconciler brings one tenant to its state.
type reconciler struct {
	client client.Client
	// live reads past the cache, where a stale answer would lose something.
	live client.Reader
	tree *tree
	// kinds are those of applications that are served, and applications a cache of their objects.
	kinds        *kinds
	applications client.Reader
	// ciliums are the kinds of Cilium's policies that are served, and policies a cache of those that the controller made.
	ciliums  *kinds
	policies client.Reader
	// ordered is what people ordered in tenants' namespaces. It is asked only while a tenant is being deleted.
	ordered *ordered
	// now dates the steps of deletions.
	now func() time.Time
	// site is what networks are isolated from. Nil: unknown.
	site *policy.Site
	log  *slog.Logger
	// events go on tenants. Nil: there are none.
	events  events.EventRecorder
	metrics *metrics
}

// Reconcile looks at the tenant once and writes only what differs. Whatever it waits for wakes it by an event, but for what a step says
// to look at again.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var t v1alpha1.Tenant
	if err := r.client.Get(ctx, request.NamespacedName, &t); err != nil {
		if apierrors.IsNotFound(err) {
			r.metrics.forget(request.NamespacedName)

			return r.takeDownLost(ctx, request.NamespacedName)
		}

		return reconcile.Result{}, err
	}

	known, isKnown := r.tree.get(request.NamespacedName)
	if !isKnown || !known.describes(&t) {
		return reconcile.Result{}, nil
	}

	result, err := r.reconcile(ctx, &t, known)
	if apierrors.IsConflict(err) {
		// The cache was behind. The object's newer state is on its way, and comes with an event.
		r.log.DebugContext(ctx, "the tenant changed meanwhile", "tenant", request.String())

		return reconcile.Result{}, nil
	}

	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reconcile tenant %s: %w", request, err)
	}

	return result, nil
}

func (r *reconciler) reconcile(ctx context.Context, t *v1alpha1.Tenant, known entry) (reconcile.Result, error) {
	isRoot := rulesInput(t).IsRoot()

	switch {
	case known.isDeleting && !isRoot:
		return r.takeDown(ctx, t, known)
	case known.refusal != nil:
		return reconcile.Result{}, r.writeStatus(ctx, t, known, refusedStatus(t, known.refusal))
	}

	// Before anything is made for the tenant, so that nothing is left behind when it goes.
	if !known.isDeleting {
		if err := r.hold(ctx, t); err != nil {
			return reconcile.Result{}, err
		}
	}

	steps, err := r.bring(ctx, t, known.resolved)
	if err != nil {
		return reconcile.Result{}, err
	}

	ready, err := r.servicesReady(ctx, known.resolved)
	if err != nil {
		return reconcile.Result{}, err
	}

	err = r.writeStatus(ctx, t, known, acceptedStatus(t, known.resolved, ready, steps))
	if err = errors.Join(err, retries(steps)); err != nil {
		return reconcile.Result{}, err
	}

	return reconcile.Result{RequeueAfter: pause(steps)}, nil
}

// pause is how soon the tenant is looked at again without an event. Zero: it is not.
func pause(steps []step) time.Duration {
	var all time.Duration
	for _, taken := range steps {
		all = max(all, taken.again) // all pauses are the same
	}

	return all
}

// retries is what steps failed at and told.
func retries(steps []step) error {
	var all []error
	for _, taken := range steps {
		all = append(all, taken.retry)
	}

	return errors.Join(all...)
}

// bring takes the steps of bringing a tenant up, in order. None is taken without a namespace that is the tenant's; of the
// others each is taken whatever became of those before it.
func (r *reconciler) bring(ctx context.Context, t *v1alpha1.Tenant, resolved tenant.Resolved) ([]step, error) {
	takes := []struct {
		condition string
		take      func(context.Context, *v1alpha1.Tenant, tenant.Resolved) (step, error)
	}{
		{v1alpha1.ConditionNamespaceReady, r.ensureNamespace},
		{v1alpha1.ConditionPoliciesReady, r.ensurePolicies},
		{v1alpha1.ConditionAccessReady, r.ensureAccess},
		{v1alpha1.ConditionQuotaReady, r.ensureQuota},
		{v1alpha1.ConditionServicesReady, r.ensureServices},
	}

	steps := make([]step, 0, len(takes))

	for i, one := range takes {
		taken := step{reason: "NamespaceNotReady", message: "nothing is made before the tenant has its namespace"}

		if i == 0 || steps[0].isDone {
			var err error
			if taken, err = one.take(ctx, t, resolved); err != nil {
				if taken, err = failed(ctx, err); err != nil {
					return nil, err
				}
			}
		}

		taken.condition = one.condition
		steps = append(steps, taken)
	}

	return steps, nil
}

// hold puts the finalizer on a tenant.
func (r *reconciler) hold(ctx context.Context, t *v1alpha1.Tenant) error {
	before := t.DeepCopy()
	if !controllerutil.AddFinalizer(t, v1alpha1.TenantFinalizer) {
		return nil
	}

	if err := r.patch(ctx, t, before); err != nil {
		return fmt.Errorf("add its finalizer: %w", err)
	}

	return nil
}

// release takes the finalizer off, and with that lets the tenant go.
func (r *reconciler) release(ctx context.Context, t *v1alpha1.Tenant) error {
	before := t.DeepCopy()
	if !controllerutil.RemoveFinalizer(t, v1alpha1.TenantFinalizer) {
		return nil
	}

	if err := client.IgnoreNotFound(r.patch(ctx, t, before)); err != nil {
		return fmt.Errorf("remove its finalizer: %w", err)
	}

	return nil
}

// patch writes the difference, unless the object changed since it was read: a list such as the finalizers is replaced as a
// whole, and must not undo what somebody else did to it.
func (r *reconciler) patch(ctx context.Context, t, before *v1alpha1.Tenant) error {
	return r.client.Patch(ctx, t, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(FieldManager))
}

// writeStatus writes the status if it says anything new.
func (r *reconciler) writeStatus(ctx context.Context, t *v1alpha1.Tenant, known entry, status v1alpha1.TenantStatus) error {
	status.Children = int32(known.children)
	r.metrics.count(client.ObjectKeyFromObject(t), status)

	if equality.Semantic.DeepEqual(t.Status, status) {
		return nil
	}

	before := t.DeepCopy()
	t.Status = status

	err := r.client.Status().Patch(ctx, t, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(FieldManager))
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("write its status: %w", err)
	}

	r.tell(t, before.Status, status)

	return nil
}
