// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// ofFoo answers as the API server does to somebody with a level in tenant-foo, and so in all below it.
func ofFoo(action clienttesting.Action) (bool, runtime.Object, error) {
	switch action.GetNamespace() {
	case "tenant-foo", "tenant-foo-bar", "tenant-foo-bar-deep":
		return false, nil, nil
	}

	return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", nil)
}

func located(parent, name, own string) *unstructured.Unstructured {
	object := an("apps.cozystack.io/v1alpha1", "Tenant", parent, name)
	object.Object["status"] = map[string]any{"namespace": own}

	return object
}

func clientOfFoo() *dynamicfake.FakeDynamicClient {
	client := dynamicWith(
		located("tenant-root", "root", "tenant-root"), located("tenant-root", "foo", "tenant-foo"), located("tenant-root", "baz", "tenant-baz"),
		located("tenant-foo", "bar", "tenant-foo-bar"), located("tenant-foo-bar", "deep", "tenant-foo-bar-deep"),
		located("tenant-foo", "closed", "tenant-foo-closed"), located("tenant-foo-closed", "hidden", "tenant-foo-closed-hidden"),
		an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-foo-bar", "db"), an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-baz", "db"),
		an("helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-foo", "tenant-bar"),
	)
	client.PrependReactor("list", "*", ofFoo)
	client.PrependReactor("get", "helmreleases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", nil)
	})

	return client
}

func TestUsersOfATenantSeeWhatIsBelowIt(t *testing.T) {
	seen, err := admin.See(t.Context(), clientOfFoo(), "", "tenant-baz", "tenant-foo")
	require.NoError(t, err)
	require.Equal(t, "tenant-foo", seen.Below)

	var names []string
	for i := range seen.Tenants {
		names = append(names, seen.Tenants[i].Name)
	}

	require.Equal(t, []string{"bar", "closed", "deep"}, names)

	for word, namespace := range map[string]string{
		"bar": "tenant-foo-bar", "tenant-foo-bar": "tenant-foo-bar", "root/foo/bar/deep": "tenant-foo-bar-deep",
	} {
		found, err := seen.Find(word)
		require.NoError(t, err, word)
		require.Equal(t, namespace, found.Status.Namespace, word)
		require.NotEmpty(t, found.Namespace)
	}

	for _, word := range []string{"tenant-foo", "root/foo"} {
		own := (*admin.OwnTenantError)(nil)
		_, err := seen.Find(word)
		require.ErrorAs(t, err, &own, word)
		require.NotEmpty(t, own.Hint())

		found, err := seen.Place(word)
		require.NoError(t, err, word)
		require.Empty(t, found.Name)
		require.Equal(t, "tenant-foo", found.Status.Namespace)
	}

	for _, word := range []string{"foo", "baz", "tenant-baz", "root", "root/baz"} {
		unknown := (*admin.UnknownTenantError)(nil)
		_, err := seen.Place(word)
		require.ErrorAs(t, err, &unknown, word)
	}
}

func TestATenantThatIsCalledAsTheOneAboveIsNotTakenForIt(t *testing.T) {
	seen := admin.Seen{Below: "tenant-foo", Tenants: []v1alpha1.Tenant{one("tenant-foo", "foo", "tenant-foo-foo")}}
	for word, namespace := range map[string]string{"tenant-foo": "tenant-foo", "foo": "tenant-foo-foo", "tenant-foo-foo": "tenant-foo-foo"} {
		found, err := seen.Place(word)
		require.NoError(t, err, word)
		require.Equal(t, namespace, found.Status.Namespace, word)
	}
}

func TestWhoSeesNoTenantIsToldHowToNameOne(t *testing.T) {
	for _, namespaces := range [][]string{nil, {""}, {"tenant-baz", "tenant-root"}} {
		_, err := admin.See(t.Context(), clientOfFoo(), namespaces...)

		unseen := (*admin.UnseenError)(nil)
		require.ErrorAs(t, err, &unseen)
		require.True(t, apierrors.IsForbidden(err))
		require.Contains(t, unseen.Hint(), "context")
	}
}

func TestWhoMayListAllTenantsSeesAll(t *testing.T) {
	seen, err := admin.See(t.Context(), dynamicWith(located("tenant-root", "root", "tenant-root"), located("tenant-root", "foo", "tenant-foo")), "tenant-foo")
	require.NoError(t, err)
	require.Empty(t, seen.Below)
	require.Len(t, seen.Tenants, 2)
	found, err := seen.Find("foo")
	require.NoError(t, err)
	require.Equal(t, "tenant-root", found.Namespace)
}

func TestUsersOfATenantDeleteOneBelowIt(t *testing.T) {
	typed := fake.NewClientset(claim("tenant-foo-bar", "data"), claim("tenant-baz", "data"))
	typed.PrependReactor("list", "*", ofFoo)
	typed.Resources = []*metav1.APIResourceList{{GroupVersion: "apps.cozystack.io/v1alpha1", APIResources: []metav1.APIResource{
		{Name: "tenants", Kind: "Tenant"}, {Name: "postgreses", Kind: "Postgres"},
	}}}
	client := clientOfFoo()
	seen, err := admin.See(t.Context(), client, "tenant-foo")
	require.NoError(t, err)
	bar, err := seen.Find("bar")
	require.NoError(t, err)

	leaving, err := admin.PlanDeletion(t.Context(), typed, client, seen.Tenants, bar)
	require.NoError(t, err)
	require.Equal(t, admin.Leaving{
		Namespace: "tenant-foo-bar", Tenants: []string{"tenant-foo-bar", "tenant-foo-bar-deep"},
		Applications: []admin.Ordered{{Namespace: "tenant-foo-bar", Kind: "Postgres", Name: "db"}},
		Volumes:      []admin.Volume{{Namespace: "tenant-foo-bar", Name: "data", Size: "10Gi"}},
	}, leaving, "without the HelmRelease, which they may not read")

	isGone, left, _, err := admin.Remaining(t.Context(), client, bar, leaving.Tenants)
	require.NoError(t, err)
	require.False(t, isGone)
	require.Equal(t, 2, left)

	typed.PrependReactor("list", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "", nil)
	})
	_, err = admin.PlanDeletion(t.Context(), typed, client, seen.Tenants, bar)
	require.True(t, apierrors.IsForbidden(err), "what goes is named whole, or not at all: %v", err)
}
