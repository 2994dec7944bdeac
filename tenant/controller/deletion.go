// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// takeDown removes what there is of a tenant, step by step, and then lets the tenant go. A step begins when nothing is left of
// the one before it; what it waits for wakes the tenant by an event. It stands in the condition Deleting.
func (r *reconciler) takeDown(ctx context.Context, t *v1alpha1.Tenant, known entry) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(t, v1alpha1.TenantFinalizer) {
		return reconcile.Result{}, nil
	}

	name := cmp.Or(known.namespace(), t.Status.Namespace)

	namespace, err := r.ownNamespace(ctx, t, name)
	if err != nil {
		return r.failStage(ctx, t, known, r.reached(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}), err)
	}

	if namespace == nil {
		return r.letGo(ctx, t, known)
	}

	now, left, err := r.clear(ctx, t, namespace)

	switch {
	case err != nil:
		return r.failStage(ctx, t, known, now, err)
	case len(left) > 0:
		return r.awaitStage(ctx, t, known, now, left)
	}

	return r.letGo(ctx, t, known)
}

// clear takes the steps until one has something left, and says what, or fails, and says which. Nothing left: all is gone.
func (r *reconciler) clear(ctx context.Context, t *v1alpha1.Tenant, namespace *corev1.Namespace) (stage, []remainder, error) {
	for _, one := range r.stages(t, namespace) {
		left, err := one.clear(ctx)
		if err != nil || len(left) > 0 {
			return one, left, err
		}
	}

	return stage{}, nil, nil
}

func (r *reconciler) letGo(ctx context.Context, t *v1alpha1.Tenant, known entry) (reconcile.Result, error) {
	if err := r.release(ctx, t); err != nil {
		return r.failStage(ctx, t, known, lettingGo(), err)
	}

	return reconcile.Result{}, r.ordered.forget(ctx, client.ObjectKeyFromObject(t))
}

// ownNamespace is the namespace that was made for the tenant; nil if it is gone, or is somebody else's. The cache may not show
// yet one that was made a moment ago, and that one would be left behind: before it counts as gone, the server is asked.
func (r *reconciler) ownNamespace(ctx context.Context, t *v1alpha1.Tenant, name string) (*corev1.Namespace, error) {
	if name == "" {
		return nil, nil
	}

	for _, from := range []client.Reader{r.client, r.live} {
		namespace := &corev1.Namespace{}

		err := from.Get(ctx, client.ObjectKey{Name: name}, namespace)

		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("get namespace %s: %w", name, err)
		case isMadeFor(namespace, t):
			return namespace, nil
		}

		r.log.InfoContext(ctx, "left a namespace alone that was not made for the tenant",
			"tenant", client.ObjectKeyFromObject(t).String(), "namespace", name)

		return nil, nil
	}

	return nil, nil
}

// closeNamespace marks the namespace, so that admission lets nothing more be ordered in it.
func (r *reconciler) closeNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	if namespace.Labels[LabelDeleting] == "true" || !namespace.DeletionTimestamp.IsZero() {
		return nil
	}

	err := r.patchLabels(ctx, namespace, map[string]any{LabelDeleting: "true"})
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("mark namespace %s as being deleted: %w", namespace.Name, err)
	}

	return nil
}

// deleteNamespace deletes the namespace and says what is left of it.
func (r *reconciler) deleteNamespace(ctx context.Context, t *v1alpha1.Tenant, namespace *corev1.Namespace) ([]remainder, error) {
	// Past the cache, which may show it when it is gone: no event would come after that.
	now := &corev1.Namespace{}

	err := r.live.Get(ctx, client.ObjectKeyFromObject(namespace), now)

	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get namespace %s: %w", namespace.Name, err)
	case !isMadeFor(now, t):
		return nil, nil
	case now.DeletionTimestamp.IsZero():
		if err := r.remove(ctx, now); err != nil {
			return nil, err
		}

		r.log.InfoContext(ctx, "deleted the namespace of a tenant",
			"tenant", client.ObjectKeyFromObject(t).String(), "namespace", now.Name)
	}

	return []remainder{{kind: "namespace", name: now.Name, says: remains(now)}}, nil
}

// remove deletes this very object, unless it is being deleted already.
func (r *reconciler) remove(ctx context.Context, object client.Object) error {
	if object.GetDeletionTimestamp() != nil {
		return nil
	}

	uid := object.GetUID()
	if err := client.IgnoreNotFound(r.client.Delete(ctx, object, client.Preconditions{UID: &uid})); err != nil {
		return fmt.Errorf("delete %s %s: %w", object.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(object), err)
	}

	return nil
}
