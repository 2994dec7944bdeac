// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// refusing answers what RBAC does, or with a cause what an admission policy does.
func refusing(causes ...metav1.StatusCause) clienttesting.ReactionFunc {
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		refusal := apierrors.NewForbidden(action.GetResource().GroupResource(), "one", errors.New("no"))
		refusal.ErrStatus.Details.Causes = causes

		return true, nil, refusal
	}
}

func TestWhoLacksALevelIsToldWhichAndWhereToGetIt(t *testing.T) {
	alpha, foo := one("tenant-root", "alpha", "tenant-alpha"), family()[1]
	typed := fake.NewClientset()
	typed.Resources = []*metav1.APIResourceList{{GroupVersion: "apps.cozystack.io/v1alpha1", APIResources: []metav1.APIResource{{Name: "postgreses", Kind: "Postgres"}}}}
	client := dynamicWith()
	client.PrependReactor("*", "*", refusing())
	typed.PrependReactor("get", "pods", refusing())

	for doing, tc := range map[string]struct {
		do        func() error
		level     tenant.Level
		namespace string
	}{
		"create tenant beta in namespace tenant-alpha": {func() error {
			_, err := admin.Create(t.Context(), client, &alpha, "beta", v1alpha1.TenantSpec{}, false)

			return err
		}, tenant.SuperAdmin, "tenant-alpha"},
		"agree to delete tenant foo in namespace tenant-root": {func() error { return admin.Delete(t.Context(), client, &foo) }, tenant.SuperAdmin, "tenant-root"},
		"get Postgres db in tenant-a": {func() error {
			_, err := admin.Credentials(t.Context(), typed, client, "tenant-a", "postgres", "db")

			return err
		}, tenant.Use, "tenant-a"},
		"get pod tenant-foo/web": {func() error {
			pod := types.NamespacedName{Namespace: "tenant-foo", Name: "web"}
			_, err := admin.Explain(t.Context(), typed, client, admin.Seen{}, pod, pod, nil)

			return err
		}, tenant.View, "tenant-foo"},
	} {
		var lacking *admin.LevelError

		err := tc.do()
		require.ErrorAs(t, err, &lacking, doing)
		require.Equal(t, []any{doing, tc.level, tc.namespace}, []any{lacking.Doing, lacking.Level, lacking.Namespace})
		require.ErrorContains(t, err, "you need the level "+string(tc.level)+" in "+tc.namespace+", or in a tenant above")
		require.True(t, apierrors.IsForbidden(err))
		require.Contains(t, lacking.Hint(), "cozy-install tenant kubeconfig "+tc.namespace+" --level "+string(tc.level))
	}
}

func TestWhatAnAdmissionPolicyForbidsTakesNoLevel(t *testing.T) {
	client := dynamicWith()
	client.PrependReactor("*", "*", refusing(metav1.StatusCause{Message: "the root tenant can't be deleted"}))

	foo := family()[1]
	err := admin.Delete(t.Context(), client, &foo)

	var lacking *admin.LevelError
	require.NotErrorAs(t, err, &lacking)
	require.ErrorContains(t, err, "agree to delete tenant foo in namespace tenant-root")
	require.True(t, apierrors.IsForbidden(err))
}
