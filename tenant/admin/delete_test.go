// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/tenant/admin"
)

func claim(namespace, name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")},
		}},
	}
}

func TestAllThatGoesWithATenantIsNamed(t *testing.T) {
	typed := fake.NewClientset(claim("tenant-foo-bar", "data"), claim("tenant-root", "data"))
	typed.Resources = []*metav1.APIResourceList{{GroupVersion: "apps.cozystack.io/v1alpha1", APIResources: []metav1.APIResource{
		{Name: "tenants", Kind: "Tenant"},
		{Name: "tenants/status", Kind: "Tenant"},
		{Name: "tenantlimits", Kind: "TenantLimits"},
		{Name: "postgreses", Kind: "Postgres"},
		{Name: "postgreses/status", Kind: "Postgres"},
		{Name: "etcds", Kind: "Etcd"},
	}}}
	client := dynamicWith(
		an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-foo-bar", "db"), an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-root", "db"),
		an("apps.cozystack.io/v1alpha1", "Etcd", "tenant-foo", "etcd"), an("helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-root", "tenant-foo"),
	)
	tenants := family()

	leaving, err := admin.PlanDeletion(t.Context(), typed, client, tenants, &tenants[1])
	require.NoError(t, err)
	require.Equal(t, admin.Leaving{
		Namespace: "tenant-foo", Tenants: []string{"tenant-foo", "tenant-foo-bar", "tenant-foo-qux"},
		Applications: []admin.Ordered{{Namespace: "tenant-foo-bar", Kind: "Postgres", Name: "db"}},
		Services:     []admin.Ordered{{Namespace: "tenant-foo", Kind: "Etcd", Name: "etcd"}},
		Volumes:      []admin.Volume{{Namespace: "tenant-foo-bar", Name: "data", Size: "10Gi"}},
		Release:      "tenant-root/tenant-foo",
	}, leaving)

	_, err = admin.PlanDeletion(t.Context(), typed, client, tenants, &tenants[0])

	var root *admin.RootError
	require.ErrorAs(t, err, &root)
	require.NotEmpty(t, root.Hint())
}

func TestDeletingATenantAgreesToItFirst(t *testing.T) {
	client := dynamicWith(an("apps.cozystack.io/v1alpha1", "Tenant", "tenant-root", "foo"))
	foo := family()[1]
	require.NoError(t, admin.Delete(t.Context(), client, &foo))

	var verbs []string
	for _, action := range client.Actions() {
		verbs = append(verbs, action.GetVerb())
	}

	require.Equal(t, []string{"patch", "delete"}, verbs)
	require.NoError(t, admin.Delete(t.Context(), client, &foo), "one that is gone is no error")
}

func TestWhatIsLeftSaysWhatItWaitsFor(t *testing.T) {
	deleting := func(namespace, name, own, reason, message string) *unstructured.Unstructured {
		object := an("apps.cozystack.io/v1alpha1", "Tenant", namespace, name)
		object.Object["status"] = map[string]any{"namespace": own, "conditions": []any{
			map[string]any{"type": "Deleting", "status": "True", "reason": reason, "message": message, "lastTransitionTime": nil},
		}}

		return object
	}
	client := dynamicWith(
		deleting("tenant-root", "foo", "tenant-foo", "DeletingTenants", "waiting for tenant bar"),
		deleting("tenant-foo", "bar", "tenant-foo-bar", "DeletingApplications", "waiting for Postgres db"),
		an("apps.cozystack.io/v1alpha1", "Tenant", "tenant-root", "beside"),
	)
	foo := family()[1]

	isGone, left, waiting, err := admin.Remaining(t.Context(), client, &foo, []string{"tenant-foo", "tenant-foo-bar"})
	require.NoError(t, err)
	require.False(t, isGone)
	require.Equal(t, 2, left)
	require.Equal(t, []admin.Waiting{{Namespace: "tenant-foo-bar", Reason: "DeletingApplications", Message: "waiting for Postgres db"}}, waiting)

	foo.UID = "of another that had its name before"
	isGone, _, _, err = admin.Remaining(t.Context(), client, &foo, nil)
	require.NoError(t, err)
	require.True(t, isGone)
}
