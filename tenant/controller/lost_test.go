// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// lose takes a tenant away as an API server does that was asked to delete it before it had a finalizer.
func (w *world) lose(namespace, name string) {
	w.t.Helper()

	lost := w.tenant(namespace, name)
	lost.Finalizers = nil
	require.NoError(w.t, w.client.Update(w.t.Context(), lost))
	require.NoError(w.t, client.IgnoreNotFound(w.client.Delete(w.t.Context(), lost)))
	require.True(w.t, w.isGone(namespace, name))
}

// loseAtOnce loses a tenant when its namespace is made.
func (w *world) loseAtOnce(namespace, name, made string) {
	w.fails = func(verb string, object client.Object) error {
		if _, isNamespace := object.(*corev1.Namespace); isNamespace && verb == "create" && object.GetName() == made {
			w.fails = nil
			w.lose(namespace, name)
		}

		return nil
	}
}

func TestOfATenantThatIsLostWhileItIsMadeNothingStays(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	key := types.NamespacedName{Namespace: "tenant-root", Name: "a"}

	w.loseAtOnce("tenant-root", "a", "tenant-a")
	w.pass()
	require.True(t, w.isGone("tenant-root", "a"))
	require.NotNil(t, w.namespace("tenant-a"), "the controller does not know yet")

	// Its own event, or that of its namespace, also in the next life of the controller.
	w.tree = &tree{}

	require.NoError(t, w.reconcile(key))
	require.Nil(t, w.namespace("tenant-a"))
	require.Equal(t, lostPause, w.again[key], "until it was seen to be gone")

	require.NoError(t, w.reconcile(key))
	require.Zero(t, w.again[key])
}

func TestATenantThatIsMadeAgainKeepsTheNamespaceOfTheLostOne(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.loseAtOnce("tenant-root", "a", "tenant-a")
	w.pass()

	again := made("tenant-root", "a", v1alpha1.TenantSpec{})
	again.SetUID("again")
	require.NoError(t, w.client.Create(t.Context(), again))
	w.settle()
	w.requireReason("tenant-root", "a", "NamespaceReady", "True", "NamespaceReady")
	require.NotContains(t, w.namespace("tenant-a").Labels, LabelFresh)
}

func TestANamespaceThatIsNotFreshOutlivesATenantWhoseFinalizerWasTakenOff(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	require.NotContains(t, w.namespace("tenant-a").Labels, LabelFresh)

	w.lose("tenant-root", "a")
	require.NoError(t, w.reconcile(types.NamespacedName{Namespace: "tenant-root", Name: "a"}))
	require.NotNil(t, w.namespace("tenant-a"))

	// Nor is it fresh again with the next tenant of that name, who can be lost, too.
	again := made("tenant-root", "a", v1alpha1.TenantSpec{})
	again.SetUID("again")
	require.NoError(t, w.client.Create(t.Context(), again))
	w.pass()
	require.NotContains(t, w.namespace("tenant-a").Labels, LabelFresh)
}

func TestATenantInTheNamespaceOfALostOneKeepsIt(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}))
	w.settle()

	namespace := w.namespace("tenant-a")
	namespace.Labels[LabelFresh] = "true" // as where the controller ended before it took that off
	require.NoError(t, w.client.Update(t.Context(), namespace))
	w.lose("tenant-root", "a")

	key := types.NamespacedName{Namespace: "tenant-root", Name: "a"}
	require.NoError(t, w.reconcile(key))
	require.NotContains(t, w.namespace("tenant-a").Labels, LabelDeleting)
	require.False(t, w.isGone("tenant-a", "b"))

	b := w.tenant("tenant-a", "b")
	b.Status.Namespace = ""
	require.NoError(t, w.client.Status().Update(t.Context(), b))
	require.NoError(t, w.reconcile(key))
	require.NotZero(t, w.tenant("tenant-a", "b").DeletionTimestamp, "nothing was made for it")
}
