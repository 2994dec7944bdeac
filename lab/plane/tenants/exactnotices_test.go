// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/controller"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// noticesWhatIsTooMuch has awaitExact shown that it can fail.
func (f *forest) noticesWhatIsTooMuch(t *testing.T, site policy.Site) {
	t.Helper()

	meta := metav1.ObjectMeta{Namespace: tenant.RootNamespace, Name: "nobodys", Labels: controller.ManagedLabels()}
	without := metav1.ObjectMeta{Name: "nobodys", Labels: controller.ManagedLabels()}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "tenant-gone", Name: "nobody"}}
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	namespace := without.DeepCopy()
	namespace.Labels[controller.LabelTenantName] = "gone"

	one := corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}

	for says, object := range map[string]client.Object{
		"left behind: account tenant-root/nobodys":             &corev1.ServiceAccount{ObjectMeta: meta},
		"left behind: tenant-root: view to tenant-gone/nobody": &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role, Subjects: subjects},
		"left behind: : view to tenant-gone/nobody":            &rbacv1.ClusterRoleBinding{ObjectMeta: without, RoleRef: role, Subjects: subjects},
		"left behind: policy tenant-root/nobodys":              &networkingv1.NetworkPolicy{ObjectMeta: meta},
		"left behind: quota of tenant-root: pods 1":            &corev1.ResourceQuota{ObjectMeta: meta, Spec: one},
		"left behind: Postgres in tenant-root":                 ordered("Postgres", tenant.RootNamespace, "nobodys"),
		"left behind: namespace nobodys map[]":                 &corev1.Namespace{ObjectMeta: *namespace},
	} {
		object.SetFinalizers(nil)
		require.NoError(t, f.client.Create(t.Context(), object))
		require.Contains(t, f.differs(t, site), says)
		require.NoError(t, f.client.Delete(t.Context(), object))
		f.awaitGone(t, object)
	}

	want := []string{"not there: b", "left behind: c"}
	require.ElementsMatch(t, want, differences([]string{"a", "b"}, []string{"a", "c"}))
}
