// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// twice is what the quota of a namespace says of so many processors.
func twice(amount string) map[string]string {
	return map[string]string{"requests.cpu": amount, "limits.cpu": amount}
}

// full is a world in which a gave b all it has, which is used there. Beside b is late, which has nothing.
func full(t *testing.T) *world {
	t.Helper()

	w := newWorld(t, plainNamespace("tenant-root", nil),
		made("tenant-root", "root", v1alpha1.TenantSpec{Host: "example.org", ResourceQuotas: bounded("cpu", "10")}),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}),
		madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")})),
		madeAfter(2, made("tenant-a", "late", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "0")})),
		madeAfter(2, made("tenant-root", "z", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "0")})))
	w.settle()
	w.counts("tenant-a-b", cpus("10"))

	return w
}

// asks has a tenant ask for so many processors.
func (w *world) asks(namespace, name, cpu string) {
	w.t.Helper()
	w.change(namespace, name, func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", cpu) })
}

// requireNothingLeft checks that nobody beside b gets anything, whatever is asked for, before and after restarts.
func (w *world) requireNothingLeft() {
	w.t.Helper()

	for _, cpu := range []string{"10", "1", "0"} {
		w.asks("tenant-a", "late", cpu)
		w.asks("tenant-root", "z", cpu)

		for range 3 {
			w.settle()

			for namespace, own := range map[string]string{
				"tenant-root": "0", "tenant-a": "0", "tenant-a-b": "10", "tenant-a-late": "0", "tenant-z": "0",
			} {
				require.Equal(w.t, twice(own), w.hard(namespace), "%s, when %s is asked for", namespace, cpu)
				require.Equal(w.t, bounded("cpu", own), w.limits(namespace).Left, namespace)
			}

			w.tree = &tree{}
		}
	}
}

func TestATenantRefusedLaterKeepsItsBound(t *testing.T) {
	w := full(t)
	w.requireNothingLeft()

	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "10.0.0.1" })
	w.settle()
	w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionFalse, "HostInvalid")
	w.requireNothingLeft()
	require.Equal(t, bounded("cpu", "10"), w.tenant("tenant-a", "b").Status.Quota.Bounds)
	require.Contains(t, w.condition("tenant-a", "b", "NamespaceReady").Message, "counts in the bounds of the tenant above")

	w.asks("tenant-a", "b", "1")
	w.requireNothingLeft()

	w.asks("tenant-a", "b", "10")
	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "" })
	w.requireNothingLeft()
	w.requireReason("tenant-a", "b", "Ready", metav1.ConditionTrue, "Ready")
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionTrue, "QuotaReady")
}

func TestTenantsBelowARefusedOneKeepTheirBounds(t *testing.T) {
	w := full(t)
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Host = "10.0.0.1" })
	w.settle()
	w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionFalse, "ParentNotAccepted")
	w.requireNothingLeft()

	// Accepted again for less than it gave, it has what it had.
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Host, spec.ResourceQuotas = "", bounded("cpu", "9") })
	w.requireNothingLeft()
	w.requireReason("tenant-root", "a", "Accepted", metav1.ConditionTrue, "Accepted")
	w.requireReason("tenant-root", "a", "QuotaReady", metav1.ConditionFalse, "QuotaBelowUse")
	w.requireReason("tenant-a", "b", "Ready", metav1.ConditionTrue, "Ready")
}

func TestTheBoundOfARefusedTenantIsFreedWhenItIsGone(t *testing.T) {
	w := full(t)
	db := app("Postgres", "tenant-a-b", "db")
	require.NoError(t, w.client.Create(t.Context(), db))
	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "10.0.0.1" })
	w.settle()
	w.delete("tenant-a", "b")
	w.settle()
	w.requireReason("tenant-a", "b", "Deleting", metav1.ConditionTrue, "DeletingApplications")
	w.requireNothingLeft()

	w.free(db)
	w.asks("tenant-a", "late", "4")
	w.settle()
	w.settle()
	require.True(t, w.isGone("tenant-a", "b"))
	require.Equal(t, twice("6"), w.hard("tenant-a"))
	require.Equal(t, twice("4"), w.hard("tenant-a-late"))
}

// The status of a tenant is written after the rest, and may not be.
func TestWhatWasNeverInTheStatusIsKeptToo(t *testing.T) {
	w := full(t)
	b := w.tenant("tenant-a", "b")
	b.Status = v1alpha1.TenantStatus{}
	require.NoError(t, w.client.Status().Update(t.Context(), b))

	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "10.0.0.1" })
	w.requireNothingLeft()

	status := w.tenant("tenant-a", "b").Status
	require.Equal(t, "tenant-a-b", status.Namespace)
	require.Equal(t, &v1alpha1.TenantQuota{Bounds: bounded("cpu", "10"), Given: bounded("cpu", "0")}, status.Quota)
}

func TestATenantThatWasNeverAcceptedHoldsNothing(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")}),
		madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{Host: "10.0.0.1", ResourceQuotas: bounded("cpu", "10")})))

	for range 3 {
		w.settle()
		w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionFalse, "HostInvalid")
		require.NotContains(t, w.condition("tenant-a", "b", "NamespaceReady").Message, "bounds")
		require.Equal(t, twice("10"), w.hard("tenant-a"))
		require.Empty(t, w.tenant("tenant-a", "b").Status.Namespace)
		require.Nil(t, w.tenant("tenant-a", "b").Status.Quota)

		w.tree = &tree{}
	}
}

// It came before the deletion, and something was made for it.
func TestARefusedTenantIsNotTakenAlongWithoutConsent(t *testing.T) {
	w := full(t)
	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "10.0.0.1" })
	w.delete("tenant-a", "late")
	w.settle()
	w.delete("tenant-root", "a") // as when admission did not know of b
	w.settle()
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "NotConfirmed")
	require.False(t, w.isMarked(w.tenant("tenant-a", "b")))
}
