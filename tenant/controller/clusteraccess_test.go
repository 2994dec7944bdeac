// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestOnlyAccountsThatRunAServiceReachOutOfTheirNamespace(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{Ingress: true}), made("tenant-a", "b", v1alpha1.TenantSpec{}))
	w.settle()

	bindings := &rbacv1.ClusterRoleBindingList{}
	require.NoError(t, w.client.List(t.Context(), bindings))
	require.Len(t, bindings.Items, 1, "b and the root run nothing")

	only := bindings.Items[0]
	require.Equal(t, "tenant-services-cluster:tenant-a", only.Name)
	require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "tenant-services-cluster"}, only.RoleRef)
	require.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "tenant-a", Name: "tenant-services"}}, only.Subjects)
	require.Equal(t, []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "tenant-a", UID: w.namespace("tenant-a").UID}},
		only.OwnerReferences, "it goes with the namespace")

	require.Empty(t, w.settle(), "nothing changes any more")
}
