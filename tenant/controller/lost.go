// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// lostPause is how long what is left of a lost tenant is let be. There is no object to say what it waits for, and hardly ever more
// than a namespace that is on its way out.
const lostPause = 10 * time.Second

// takeDownLost removes what was made for a tenant that was lost while it was made: its finalizer was added, and it went all the
// same. An API server that is asked to delete an object looks for finalizers first and deletes the object then, whatever has
// come to it in between (Store.Delete of k8s.io/apiserver v0.37.0, with conditionalDelete). Nothing says that to who added the
// finalizer. So the namespace carries LabelFresh until the tenant was seen with a status that tells of it.
//
// A namespace without it stays: an operator took the finalizer off to have what is in it outlive the tenant. So does one with
// tenants in it that have namespaces: they came later, and nobody agreed to delete them. Users can't take the finalizer off: chart
// tenant-admission asks for the verb dropfinalizer, which no level has.
func (r *reconciler) takeDownLost(ctx context.Context, key types.NamespacedName) (reconcile.Result, error) {
	lost := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{
		Namespace: key.Namespace, Name: key.Name, Annotations: map[string]string{v1alpha1.AnnotationConfirmDelete: key.Name},
	}}

	namespace := &corev1.Namespace{}
	name := tenant.Namespace(key.Namespace, key.Name)

	// Where the cache does not show it yet, it comes with an event, which asks for the tenant it is marked with.
	err := r.client.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("get namespace %s: %w", name, err)
	}

	if err != nil || namespace.Labels[LabelFresh] == "" || !isMadeFor(namespace, lost) {
		return reconcile.Result{}, r.ordered.forget(ctx, key)
	}

	// The same for a tenant that was made again.
	if err := r.live.Get(ctx, key, &v1alpha1.Tenant{}); !apierrors.IsNotFound(err) {
		return reconcile.Result{}, err
	}

	isUsed, err := r.hasGrown(ctx, name)
	if err != nil || isUsed {
		return reconcile.Result{}, err
	}

	r.log.InfoContext(ctx, "removing what was made for a tenant that was deleted at the same time", "tenant", key.String(), "namespace", name)

	_, left, err := r.clear(ctx, lost, namespace)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("remove what is left of tenant %s: %w", key, err)
	}

	if len(left) > 0 {
		return reconcile.Result{RequeueAfter: lostPause}, nil
	}

	return reconcile.Result{}, r.ordered.forget(ctx, key)
}

// hasGrown says whether tenants in a namespace have namespaces themselves. One that slipped in after its parent was lost has none.
func (r *reconciler) hasGrown(ctx context.Context, namespace string) (bool, error) {
	children, err := r.children(ctx, namespace)

	return slices.ContainsFunc(children, func(t v1alpha1.Tenant) bool { return t.Status.Namespace != "" }), err
}
