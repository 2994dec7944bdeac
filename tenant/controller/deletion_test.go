// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestTenantStaysUntilItsNamespaceIsGone(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()

	slow := w.namespace("tenant-a")
	slow.Finalizers = []string{"example.org/slow"}
	require.NoError(t, w.client.Update(t.Context(), slow))

	slow.Status.Conditions = []corev1.NamespaceCondition{{
		Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue, Message: "pods. has 3 resource instances",
	}}
	require.NoError(t, w.client.Status().Update(t.Context(), slow))

	w.delete("tenant-root", "a")
	w.settle()
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, "DeletingNamespace")
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingNamespace")
	require.Contains(t, w.condition("tenant-root", "a", "Ready").Message, "namespace tenant-a (pods. has 3 resource instances)")

	slow = w.namespace("tenant-a")
	slow.Finalizers = nil
	require.NoError(t, w.client.Update(t.Context(), slow))
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
}

func TestRootIsKept(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.delete("tenant-root", "root")
	w.settle()

	w.requireReason("tenant-root", "root", "Ready", metav1.ConditionFalse, "RootCannotBeDeleted")
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionTrue, "Ready")
	require.NotNil(t, w.namespace("tenant-root"))
}

// Whoever lost its parent by force still takes its own namespace along.
func TestOrphanTakesItsNamespaceAlong(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}))
	w.settle()

	parent := w.tenant("tenant-root", "a")
	parent.Finalizers = nil
	require.NoError(t, w.client.Update(t.Context(), parent))
	w.delete("tenant-root", "a")
	w.settle()
	w.requireReason("tenant-a", "b", "Accepted", metav1.ConditionFalse, "ParentMissing")

	w.delete("tenant-a", "b")
	w.settle()
	require.True(t, w.isGone("tenant-a", "b"))
	require.Nil(t, w.namespace("tenant-a-b"))
}

// The cache may not show yet what was made a moment ago.
func TestNamespaceTheCacheDoesNotShowIsNotLeftBehind(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.delete("tenant-root", "a")

	one := w.reconciler()
	one.client = withoutNamespaces{w.client}
	w.tree.replace(resolve([]v1alpha1.Tenant{*w.tenant("tenant-root", "root"), *w.tenant("tenant-root", "a")}, nil, nil, nil, w.tree))

	_, err := one.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "tenant-root", Name: "a"}})
	require.NoError(t, err)
	require.Nil(t, w.namespace("tenant-a"))
	require.False(t, w.isGone("tenant-root", "a"), "it goes when the namespace was seen to be gone")
}

func TestEventsOfNamespacesReachTheirTenants(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()

	key := func(namespace, name string) reconcile.Request {
		return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
	}

	for name, tc := range map[string]struct {
		namespace client.Object
		want      []reconcile.Request
	}{
		"its own":            {w.namespace("tenant-a"), []reconcile.Request{key("tenant-root", "a")}},
		"somebody's instead": {plainNamespace("tenant-a", nil), []reconcile.Request{key("tenant-root", "a")}},
		"an orphan's": {plainNamespace("tenant-x", map[string]string{
			LabelTenantNamespace: "tenant-gone", LabelTenantName: "x",
		}), []reconcile.Request{key("tenant-gone", "x")}},
		"nobody's": {plainNamespace("kube-system", nil), nil},
	} {
		require.Equal(t, tc.want, w.tree.tenantsOf(t.Context(), tc.namespace), name)
	}
}

func TestOnlyWhatChangedIsHandedOut(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}), made("tenant-root", "z", v1alpha1.TenantSpec{Host: "z.org"}))

	handedOut := func() []string {
		_, err := (w.resolver()).Reconcile(t.Context(), reconcile.Request{})
		require.NoError(t, err)

		var names []string
		for _, one := range asked(t, w.woken) {
			names = append(names, one.String())
		}

		return names
	}

	require.Equal(t, []string{"tenant-root/root", "tenant-root/a", "tenant-root/z", "tenant-a/b"}, handedOut(), "the root first")
	require.Empty(t, handedOut())

	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Host = "example.net" })
	require.Equal(t, []string{"tenant-root/root", "tenant-root/a", "tenant-a/b"}, handedOut(), "z has a host of its own")

	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "b.org" })
	require.Equal(t, []string{"tenant-a/b"}, handedOut())
}

func TestUpdatesOfAStatusDoNotMoveTheTree(t *testing.T) {
	before := made("tenant-root", "a", v1alpha1.TenantSpec{})
	after := before.DeepCopy()
	after.Status.Host, after.ResourceVersion = "x", "2"
	require.False(t, movesTheTree().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}))

	for name, edit := range map[string]func(*v1alpha1.Tenant){
		"its spec":           func(t *v1alpha1.Tenant) { t.Generation++ },
		"a mark of deletion": func(t *v1alpha1.Tenant) { now := metav1.Now(); t.DeletionTimestamp = &now },
		"a new one like it":  func(t *v1alpha1.Tenant) { t.UID = "another" },
	} {
		after := before.DeepCopy()
		edit(after)
		require.True(t, movesTheTree().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}), name)
	}

	require.True(t, movesTheTree().Create(event.CreateEvent{Object: before}))
	require.True(t, movesTheTree().Delete(event.DeleteEvent{Object: before}))
}

// withoutNamespaces is a client whose cache has not seen any namespace yet.
type withoutNamespaces struct{ client.Client }

func (c withoutNamespaces) Get(ctx context.Context, key client.ObjectKey, object client.Object, o ...client.GetOption) error {
	if _, isNamespace := object.(*corev1.Namespace); isNamespace {
		return apierrors.NewNotFound(corev1.Resource("namespaces"), key.Name)
	}

	return c.Client.Get(ctx, key, object, o...)
}
