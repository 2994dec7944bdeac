// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// ensureAccess keeps the service accounts of a tenant and who has which level in it. What a level may do is said by the
// ClusterRoles of chart tenant-roles.
func (r *reconciler) ensureAccess(ctx context.Context, _ *v1alpha1.Tenant, resolved tenant.Resolved) (step, error) {
	for _, object := range accessObjects(resolved) {
		if err := r.keep(ctx, object); err != nil {
			return step{}, err
		}
	}

	if err := r.ensureClusterAccess(ctx, resolved); err != nil {
		return step{}, err
	}

	return step{isDone: true, reason: v1alpha1.ConditionAccessReady}, nil
}

func accessObjects(resolved tenant.Resolved) []client.Object {
	var objects []client.Object

	for _, grant := range resolved.Grants() {
		objects = append(objects, account(resolved.Namespace, tenant.Account(grant.Level)), grantBinding(resolved.Namespace, grant))
	}

	for _, name := range []string{tenant.ReleaseAccount, tenant.ServiceAccount} {
		subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: resolved.Namespace, Name: name}
		objects = append(objects, account(resolved.Namespace, name), binding(resolved.Namespace, name, subject))
	}

	return objects
}

// account is a service account whose token no pod gets by itself.
func account(namespace, name string) client.Object {
	mounts := false

	return &corev1.ServiceAccount{
		ObjectMeta:                   metav1.ObjectMeta{Namespace: namespace, Name: name},
		AutomountServiceAccountToken: &mounts,
	}
}

func grantBinding(namespace string, grant tenant.Grant) client.Object {
	subjects := make([]rbacv1.Subject, 0, len(grant.Groups)+len(grant.Accounts))
	for _, group := range grant.Groups {
		subjects = append(subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	}

	for _, holder := range grant.Accounts {
		subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: holder.Namespace, Name: holder.Name})
	}

	return binding(namespace, tenant.Account(grant.Level), subjects...)
}

// binding gives the ClusterRole of its own name in a namespace.
func binding(namespace, name string, subjects ...rbacv1.Subject) client.Object {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   subjects,
	}
}
