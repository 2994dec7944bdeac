// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
)

// clusterRole is the ClusterRole, of chart tenant-applications, with what the account that runs cluster services may do outside
// of namespaces.
const clusterRole = "tenant-services-cluster"

// clusterAccess begins the name of what gives it to an account, which ends with the namespace of the account.
const clusterAccess = clusterRole + ":"

// ensureClusterAccess lets the account that runs the cluster services of a tenant make the few objects of theirs that have no
// namespace, such as the class of an ingress. It is given with the first service and stays until the namespace goes, as a
// service that was turned off has to take its objects away; a policy of chart tenant-applications holds the account to the
// names of its own tenant. As long as it is there it is kept as it was given.
func (r *reconciler) ensureClusterAccess(ctx context.Context, resolved tenant.Resolved) error {
	name := clusterAccess + resolved.Namespace
	isOwn := func(p tenant.Provision) bool { return p.Source == tenant.Own }

	if !slices.ContainsFunc(resolved.Services[:], isOwn) {
		err := r.client.Get(ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRoleBinding{})
		if apierrors.IsNotFound(err) {
			return nil
		}

		if err != nil {
			return fmt.Errorf("get ClusterRoleBinding %s: %w", name, err)
		}
	}

	owners, err := r.ownedByNamespace(ctx, resolved.Namespace)
	if err != nil {
		return err
	}

	return r.keep(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects: []rbacv1.Subject{{
			Kind: rbacv1.ServiceAccountKind, Namespace: resolved.Namespace, Name: tenant.ServiceAccount,
		}},
	})
}
