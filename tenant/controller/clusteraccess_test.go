// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

func TestWhoeverTouchesAccessToTheClusterWakesItsTenant(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{Ingress: true}))
	w.settle()

	require.True(t, slices.ContainsFunc(keptKinds(), func(kind client.Object) bool {
		_, isThat := kind.(*rbacv1.ClusterRoleBinding)

		return isThat
	}), "nobody hears of it")

	bindings := &rbacv1.ClusterRoleBindingList{}
	require.NoError(t, w.client.List(t.Context(), bindings))
	require.Equal(t, requests([]types.NamespacedName{{Namespace: "tenant-root", Name: "a"}}), w.tree.tenantKept(&bindings.Items[0]))

	other := bindings.Items[0].DeepCopy()
	other.Name = "tenant-a"
	require.Empty(t, w.tree.tenantKept(other), "it is kept for nobody")
}

func TestAccessToTheClusterIsPutRightAlsoWhenTheServicesAreOff(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{Ingress: true}))
	w.settle()
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Ingress = false })
	w.settle()

	var binding rbacv1.ClusterRoleBinding

	key := client.ObjectKey{Name: "tenant-services-cluster:tenant-a"}
	require.NoError(t, w.client.Get(t.Context(), key, &binding))

	subjects := binding.Subjects
	binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"})
	require.NoError(t, w.client.Update(t.Context(), &binding))
	w.settle()
	require.NoError(t, w.client.Get(t.Context(), key, &binding))
	require.Equal(t, subjects, binding.Subjects)

	require.NoError(t, w.client.Delete(t.Context(), &binding))
	w.settle()
	require.True(t, apierrors.IsNotFound(w.client.Get(t.Context(), key, &binding)), "nobody needs it any more")
}
