// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// counts has the quota of a namespace count so much, and returns it as it was and is.
func (w *world) counts(namespace string, used corev1.ResourceList) (was, is *corev1.ResourceQuota) {
	w.t.Helper()

	is = &corev1.ResourceQuota{}
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: quotaName}, is))

	was = is.DeepCopy()
	is.Status.Used = used
	require.NoError(w.t, w.client.Update(w.t.Context(), is))

	return was, is
}

// cpus is what is used where containers ask for as much as they may have.
func cpus(amount string) corev1.ResourceList {
	return corev1.ResourceList{"requests.cpu": resource.MustParse(amount), "limits.cpu": resource.MustParse(amount)}
}

func TestWhatANamespaceUsesIsGivenToNoTenantBelow(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}))
	w.settle()
	w.counts("tenant-a", cpus("8"))

	b := madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "4")}))
	require.NoError(t, w.client.Create(t.Context(), b))

	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		if restart {
			w.tree = &tree{}
		}

		w.settle()
		w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionFalse, "QuotaExceeded")
		w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
		require.Nil(t, w.namespace("tenant-a-b"), name)
		require.Equal(t, map[string]string{"requests.cpu": "10", "limits.cpu": "10"}, w.hard("tenant-a"), name)
	}

	w.counts("tenant-a", cpus("6"))
	w.settle()
	w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionTrue, "Accepted")
	require.Equal(t, map[string]string{"requests.cpu": "6", "limits.cpu": "6"}, w.hard("tenant-a"))

	// What nothing stopped: pods that came while b was looked at. Nobody's spec is at fault, and b stays.
	w.counts("tenant-a", cpus("9"))
	w.settle()
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
	w.requireReason("tenant-a", "b", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
}

func TestWhatIsUsedWritesNothing(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}))
	w.settle()

	for _, amount := range []string{"3", "9", "1"} {
		w.counts("tenant-a", cpus(amount))
		require.Empty(t, w.settle())
	}
}

func TestWhoeverWaitsForWhatIsFreedIsLookedAtSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
			made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}),
			made("tenant-root", "calm", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}))
		w.settle()
		w.counts("tenant-a", cpus("8"))
		w.counts("tenant-calm", cpus("8"))
		b := madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "4")}))
		require.NoError(t, w.client.Create(t.Context(), b))
		w.settle()

		pass, began := timed(time.Millisecond, w.resolver())
		run(t, pass)

		changed := func(namespace string, amounts ...string) {
			for _, amount := range amounts {
				was, is := w.counts(namespace, cpus(amount))
				pass.onFreed(w.tree).Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, nil)
			}

			time.Sleep(2 * freedDelay)
		}

		changed("tenant-a", "9")
		require.Empty(t, began(), "more is used")

		changed("tenant-calm", "1")
		require.Empty(t, began(), "nobody waits")

		changed("tenant-a", "8", "7", "6")
		require.Len(t, began(), 1)

		changed("tenant-a", "1")
		require.Len(t, began(), 1, "b was accepted")
	})
}

func TestLoweringABoundWaitsForWhatIsUsed(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}))
	w.settle()
	w.counts("tenant-a", cpus("8"))
	require.False(t, w.tree.isAwaited("tenant-a"))

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "4") })
	w.settle()
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionFalse, "QuotaBelowUse")
	require.True(t, w.tree.isAwaited("tenant-a"))
}
