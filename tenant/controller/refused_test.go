// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestRefusedTenantGetsNothingUntilItIsAccepted(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "old", v1alpha1.TenantSpec{Host: "b.com"}),
		madeAfter(1, made("tenant-root", "young", v1alpha1.TenantSpec{Host: "b.com"})))
	w.settle()

	w.requireReason("tenant-root", "young", "Accepted", metav1.ConditionFalse, "HostTaken")
	w.requireReason("tenant-root", "young", "Ready", metav1.ConditionFalse, "HostTaken")
	w.requireReason("tenant-root", "young", "NamespaceReady", metav1.ConditionFalse, "NotAccepted")
	require.NotContains(t, w.condition("tenant-root", "young", "Ready").Message, "tenant-", "a tenant may not learn of another")
	require.Nil(t, w.namespace("tenant-young"))
	require.Empty(t, w.tenant("tenant-root", "young").Finalizers)

	w.change("tenant-root", "old", func(spec *v1alpha1.TenantSpec) { spec.Host = "" })
	w.settle()
	w.requireReason("tenant-root", "young", "Ready", metav1.ConditionTrue, "Ready")
	require.NotNil(t, w.namespace("tenant-young"))
}

// The API server keeps whole seconds, so a tenant with a lower UID can come later and count as older.
func TestTenantMadeInTheSameSecondTakesNoHostFromAnAcceptedOne(t *testing.T) {
	first := made("tenant-root", "first", v1alpha1.TenantSpec{Host: "b.com"})
	first.UID = "uid-b"
	second := made("tenant-root", "second", v1alpha1.TenantSpec{Host: "b.com"})
	second.UID = "uid-a"

	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), first)
	w.pass()
	require.NoError(t, w.client.Create(t.Context(), second))
	second.UID = "uid-a"
	require.NoError(t, w.client.Update(t.Context(), second))

	for range 2 {
		w.settle()
		w.requireReason("tenant-root", "first", "Accepted", metav1.ConditionTrue, "Accepted")
		w.requireReason("tenant-root", "second", "Accepted", metav1.ConditionFalse, "HostTaken")
		require.Nil(t, w.namespace("tenant-second"))

		w.tree = &tree{} // as after a restart
	}
}

func TestTenantRefusedLaterKeepsItsNamespaceAndLosesItsHost(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Host = "org" })
	w.settle()

	status := w.tenant("tenant-root", "a").Status
	require.Equal(t, "tenant-a", status.Namespace)
	require.Empty(t, status.Host)
	require.NotNil(t, status.Services, "what uses them still does")
	require.NotNil(t, w.namespace("tenant-a"))

	w.delete("tenant-root", "a")
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
	require.Nil(t, w.namespace("tenant-a"))
}
