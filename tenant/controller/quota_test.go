// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func bounded(pairs ...string) map[string]resource.Quantity {
	all := map[string]resource.Quantity{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = resource.MustParse(pairs[i+1])
	}

	return all
}

// hard is what the quota of a namespace says; nil if there is none.
func (w *world) hard(namespace string) map[string]string {
	w.t.Helper()

	var found corev1.ResourceQuota

	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: quotaName}, &found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(w.t, err)

	all := map[string]string{}
	for name, amount := range found.Spec.Hard {
		all[string(name)] = amount.String()
	}

	return all
}

func TestWhatIsGivenToATenantIsTakenFromTheOneAbove(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10", "pods", "50")}),
		madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "3", "pods", "20")})),
		madeAfter(2, made("tenant-a", "c", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "8", "pods", "1")})))
	w.settle()

	require.Nil(t, w.hard("tenant-root"))
	require.Equal(t, map[string]string{"requests.cpu": "7", "limits.cpu": "7", "pods": "30"}, w.hard("tenant-a"))
	require.Equal(t, map[string]string{"requests.cpu": "3", "limits.cpu": "3", "pods": "20"}, w.hard("tenant-a-b"))
	w.requireReason("tenant-a", "c", "Accepted", metav1.ConditionFalse, "QuotaExceeded")
	require.Nil(t, w.namespace("tenant-a-c"))

	var limits corev1.LimitRange
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "tenant-a-b", Name: quotaName}, &limits))
	require.Len(t, limits.Spec.Limits, 1)
	require.Contains(t, limits.Spec.Limits[0].Default, corev1.ResourceCPU)
	require.NotContains(t, limits.Spec.Limits[0].Default, corev1.ResourceMemory)

	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "1", "pods", "20") })
	w.settle()
	require.Equal(t, map[string]string{"requests.cpu": "1", "limits.cpu": "1", "pods": "29"},
		w.hard("tenant-a"), "c got what b gave back")
	require.NotNil(t, w.namespace("tenant-a-c"))
	w.requireReason("tenant-a", "c", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
}

func TestBoundsThatDoNotFitLeaveThoseFromBefore(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}),
		madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "3")})))
	w.settle()

	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "11") })

		if restart {
			w.tree = &tree{}
		}

		w.settle()
		w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionTrue, "Accepted")
		w.requireReason("tenant-a", "b", "QuotaReady", metav1.ConditionFalse, "QuotaExceeded")
		w.requireReason("tenant-a", "b", "Ready", metav1.ConditionFalse, "QuotaExceeded")
		require.Equal(t, map[string]string{"requests.cpu": "3", "limits.cpu": "3"}, w.hard("tenant-a-b"), name)
	}

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "2") })
	w.settle()
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionFalse, "QuotaBelowUse")
	require.Equal(t, map[string]string{"requests.cpu": "7", "limits.cpu": "7"}, w.hard("tenant-a"))
}

func TestABoundIsNotLoweredBelowWhatIsUsed(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}))
	w.settle()

	w.counts("tenant-a", corev1.ResourceList{"requests.cpu": resource.MustParse("2"), "limits.cpu": resource.MustParse("4")})

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "3") })
	w.settle()
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionFalse, "QuotaBelowUse")

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "4") })
	w.settle()
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionTrue, "QuotaReady")

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = nil })
	w.settle()
	require.Nil(t, w.hard("tenant-a"))
	require.True(t, apierrors.IsNotFound(w.client.Get(t.Context(), client.ObjectKey{Namespace: "tenant-a", Name: quotaName}, &corev1.LimitRange{})))
}
