// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestATenantIsMadeInTheNamespaceOfTheOneAbove(t *testing.T) {
	above := one("tenant-root", "alpha", "tenant-alpha")

	for _, dryRun := range []bool{false, true} {
		client := dynamicWith()
		made, err := admin.Create(t.Context(), client, &above, "beta", v1alpha1.TenantSpec{Host: "beta.example.com"}, dryRun)
		require.NoError(t, err)
		require.Equal(t, "beta.example.com", made.Spec.Host)
		require.Len(t, client.Actions(), 1)

		create, isCreate := client.Actions()[0].(clienttesting.CreateActionImpl)
		require.True(t, isCreate)
		require.Equal(t, "tenant-alpha", create.GetNamespace())
		require.Equal(t, metav1.FieldValidationStrict, create.GetCreateOptions().FieldValidation)
		require.Equal(t, dryRun, len(create.GetCreateOptions().DryRun) == 1)
	}
}

func TestATenantThatCanNotBeIsNotSent(t *testing.T) {
	client := dynamicWith()
	above, late := one("tenant-root", "alpha", "tenant-alpha"), one("tenant-root", "late", "")

	_, err := admin.Create(t.Context(), client, &above, "a-b", v1alpha1.TenantSpec{}, false)

	var refusal *tenant.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, tenant.NameInvalid, refusal.Reason)

	_, err = admin.Create(t.Context(), client, &late, "beta", v1alpha1.TenantSpec{}, false)

	var notReady *admin.NotReadyError
	require.ErrorAs(t, err, &notReady)
	require.ErrorContains(t, err, "its controller has not looked at it")
	require.Contains(t, notReady.Hint(), "try again")

	late.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Message: "this host is taken"}}
	_, err = admin.Create(t.Context(), client, &late, "beta", v1alpha1.TenantSpec{}, false)
	require.ErrorContains(t, err, "it is not accepted: this host is taken")
	require.Empty(t, client.Actions())
}
