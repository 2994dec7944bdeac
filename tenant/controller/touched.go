// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// keptKinds are those of objects that the controller keeps as they are for tenants, but for Cilium's.
func keptKinds() []client.Object {
	return []client.Object{
		&corev1.ServiceAccount{}, &rbacv1.RoleBinding{}, &rbacv1.ClusterRoleBinding{}, &corev1.ResourceQuota{}, &corev1.LimitRange{}, &networkingv1.NetworkPolicy{},
		&v1alpha1.TenantLimits{},
	}
}

// wakeTouched has tenants looked at when somebody else changes or deletes what is kept for them.
func wakeTouched(of *builder.Builder, shared *tree) *builder.Builder {
	touched := builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return isTouched(e.ObjectOld, e.ObjectNew) },
	})

	for _, kind := range keptKinds() {
		of = of.Watches(kind, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
			return shared.tenantKept(object)
		}), touched)
	}

	return of
}

// isTouched says whether somebody else changed an object that is kept: the controller's own writes change the digest, and leave none out.
func isTouched(was, is client.Object) bool {
	if digest := is.GetAnnotations()[annotationApplied]; digest != "" && digest != was.GetAnnotations()[annotationApplied] {
		return false
	}

	// Its status is written each time that somebody uses more or less.
	if quota, isQuota := is.(*corev1.ResourceQuota); isQuota {
		before, _ := was.(*corev1.ResourceQuota)

		return before == nil || !equality.Semantic.DeepEqual(before.Spec, quota.Spec)
	}

	// A list that a cache makes anew tells of all objects, also of those that nobody changed.
	return was.GetResourceVersion() != is.GetResourceVersion()
}

// tenantKept is the tenant for which an object is kept: none that is being deleted, whose objects go with its namespace.
func (t *tree) tenantKept(object client.Object) []reconcile.Request {
	namespace := keptFor(object)
	if _, isDeleting := t.deleting(namespace); isDeleting {
		return nil
	}

	return requests(t.tenantWith(namespace))
}

// keptFor is the namespace of the tenant for which an object is kept; empty: for none. What has no namespace tells by its name: who
// edits it may take its owner and its labels away.
func keptFor(object client.Object) string {
	name := object.GetName()
	if namespace := object.GetNamespace(); namespace != "" {
		return namespace
	}

	if name == policy.ClusterName { // for all, of whom any tenant may keep it
		return tenant.RootNamespace
	}

	for _, prefix := range []string{clusterAccess, policy.ServicesPrefix} {
		if owner, isOf := strings.CutPrefix(name, prefix); isOf {
			return owner
		}
	}

	return ""
}
