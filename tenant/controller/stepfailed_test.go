// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// TestAStepThatFailsSaysSo: whatever step the API server refuses, the tenant tells it, and it is tried again with back-off.
func TestAStepThatFailsSaysSo(t *testing.T) {
	for _, tc := range []struct{ condition, object string }{
		{v1alpha1.ConditionNamespaceReady, "/tenant-foo-bar"},
		{v1alpha1.ConditionPoliciesReady, "tenant-foo-bar/tenant"},
		{v1alpha1.ConditionAccessReady, "tenant-foo-bar/tenant-view"},
		{v1alpha1.ConditionQuotaReady, "tenant-foo-bar/tenant-quota"},
	} {
		w := isolatedWorld(t, policy.EnforcesCilium)
		w.change("tenant-foo", "bar", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "1") })

		key := types.NamespacedName{Namespace: "tenant-foo", Name: "bar"}
		refused := true
		w.fails = func(_ string, object client.Object) error {
			if name := client.ObjectKeyFromObject(object).String(); !refused || name != tc.object {
				return nil
			}

			return errors.New("refused by whatever lies before the API server: " + strings.Repeat("x", 2*maxFailure))
		}
		_, err := w.resolver().Reconcile(t.Context(), reconcile.Request{})
		require.NoError(t, err)

		for range 2 {
			require.ErrorContains(t, w.reconcile(key), "refused by whatever", tc.condition)
			w.requireReason("tenant-foo", "bar", tc.condition, metav1.ConditionFalse, reasonStepFailed)
			w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionFalse, reasonStepFailed)

			message := w.condition("tenant-foo", "bar", tc.condition).Message
			require.Contains(t, message, "refused by whatever")
			require.Less(t, len(message), maxFailure+100)
		}

		refused = false

		require.NoError(t, w.reconcile(key))
		w.settle()
		w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionTrue, "Ready")
	}
}

// A conflict is no failure: the newer state is on its way.
func TestAConflictInAStepSaysNothing(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot())
	w.settle()
	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "1") })
	w.fails = func(verb string, _ client.Object) error {
		if verb != "apply" {
			return nil
		}

		return apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "tenant-quota", errors.New("it changed"))
	}
	w.pass()
	w.requireReason("tenant-root", "root", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
}
