// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func releaseOfFlux() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}
}

func (w *world) reconciler() *reconciler {
	served := func() (kinds []string, err error) {
		for _, kind := range w.served {
			kinds = append(kinds, kind.Kind)
		}

		return kinds, nil
	}
	release := func() (schema.GroupVersionKind, bool, error) { return releaseOfFlux(), true, nil }

	one := &reconciler{
		client: w.client, live: w.client, kinds: w.kinds, applications: w.client, ciliums: w.ciliums, policies: w.client, tree: w.tree, site: w.site, log: slog.New(slog.DiscardHandler),
		ordered: &ordered{served: served, releaseKind: release, live: w.client},
		now:     func() time.Time { return w.now }, metrics: w.metrics,
	}
	if w.events != nil {
		one.events = w.events
	}

	return one
}

// orderedObject is what somebody ordered. It stays when it is deleted, until its finalizer goes.
func orderedObject(kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	object.SetFinalizers([]string{"example.org/slow"})

	return object
}

func app(kind, namespace, name string) *unstructured.Unstructured {
	return orderedObject(v1alpha1.GroupVersion.WithKind(kind), namespace, name)
}

// free takes the finalizers off an object, which goes if it is being deleted.
func (w *world) free(object client.Object) {
	w.t.Helper()

	now, isObject := object.DeepCopyObject().(client.Object)
	require.True(w.t, isObject)
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKeyFromObject(object), now))
	require.NotNil(w.t, now.GetDeletionTimestamp(), "%s %s", object.GetObjectKind().GroupVersionKind().Kind, object.GetName())
	now.SetFinalizers(nil)
	require.NoError(w.t, w.client.Update(w.t.Context(), now))
}

func (w *world) confirm(namespace, name string) {
	w.t.Helper()

	found := w.tenant(namespace, name)
	metav1.SetMetaDataAnnotation(&found.ObjectMeta, v1alpha1.AnnotationConfirmDelete, name)
	require.NoError(w.t, w.client.Update(w.t.Context(), found))
}

// isMarked says whether the object is being deleted.
func (w *world) isMarked(object client.Object) bool {
	w.t.Helper()

	now, isObject := object.DeepCopyObject().(client.Object)
	require.True(w.t, isObject)
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKeyFromObject(object), now))

	return now.GetDeletionTimestamp() != nil
}

func TestATenantGoesChildrenFirstThenStepByStep(t *testing.T) {
	db, cache, below := app("Postgres", "tenant-a", "db"), app("Redis", "tenant-a", "cache"), app("Postgres", "tenant-a-b", "db")
	etcd, release := app("Etcd", "tenant-a", "etcd"), orderedObject(releaseOfFlux(), "tenant-a", "stray")
	beside := app("Postgres", "tenant-z", "db")

	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-root", "z", v1alpha1.TenantSpec{}), made("tenant-a", "b", v1alpha1.TenantSpec{}),
		made("tenant-a-b", "c", v1alpha1.TenantSpec{}), db, cache, below, etcd, release, beside)
	w.settle()
	require.EqualValues(t, 1, w.tenant("tenant-root", "a").Status.Children)
	require.EqualValues(t, 2, w.tenant("tenant-root", "root").Status.Children)

	w.confirm("tenant-root", "a")
	w.delete("tenant-root", "a")
	w.settle()

	// The leaf has gone, the one above it waits for what it has, and nothing of the top is touched.
	require.True(t, w.isGone("tenant-a-b", "c"))
	w.requireReason("tenant-a", "b", "Deleting", metav1.ConditionTrue, "DeletingApplications")
	require.Contains(t, w.condition("tenant-a", "b", "Deleting").Message,
		"waiting for the applications in it to be gone since 2027-01-15T08:00:00Z: Postgres db (kept by example.org/slow)")
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, "DeletingTenants")
	require.Contains(t, w.condition("tenant-root", "a", "Deleting").Message, "tenant b")
	require.False(t, w.isMarked(db))
	require.Equal(t, "true", w.namespace("tenant-a").Labels["cozystack.io/deleting"])

	w.free(below)
	w.settle()
	require.True(t, w.isGone("tenant-a", "b"))
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, "DeletingApplications")
	require.Contains(t, w.condition("tenant-root", "a", "Deleting").Message, "Postgres db (kept by example.org/slow), Redis cache")
	require.False(t, w.isMarked(etcd), "applications may still use it")

	w.free(db)
	w.free(cache)
	w.settle()
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, "DeletingServices")
	require.False(t, w.isMarked(release))

	w.free(etcd)
	w.settle()
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingReleases")
	require.Zero(t, w.namespace("tenant-a").DeletionTimestamp, "accounts outlive releases")

	w.free(release)
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
	require.Nil(t, w.namespace("tenant-a"))
	require.False(t, w.isMarked(beside), "a tenant beside has nothing to do with it")
	require.Zero(t, w.tree.entries[types.NamespacedName{Namespace: "tenant-root", Name: "z"}].isDeleting)
}

func TestWithoutConsentATenantWithChildrenWaits(t *testing.T) {
	db := app("Postgres", "tenant-a", "db")
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}), made("tenant-a", "c", v1alpha1.TenantSpec{}), db)
	w.settle()
	w.delete("tenant-root", "a") // as when admission did not know of the children
	w.settle()

	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "NotConfirmed")
	message := w.condition("tenant-root", "a", "Deleting").Message
	require.Contains(t, message, ": tenant b, tenant c; to delete them too: kubectl annotate tenants.apps.cozystack.io "+
		"--namespace tenant-root a cozystack.io/confirm-delete=a")
	require.False(t, w.isMarked(db))
	require.False(t, w.isMarked(w.tenant("tenant-a", "b")))
	require.Zero(t, w.again[types.NamespacedName{Namespace: "tenant-root", Name: "a"}], "a person has all the time there is")

	w.delete("tenant-a", "b")
	w.confirm("tenant-root", "a")
	w.settle()
	require.True(t, w.isGone("tenant-a", "c"))
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingApplications")
}

// What was not agreed to is not agreed to by way of a tenant between.
func TestConsentIsNotGivenForWhoeverDeletesAChildAlone(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}), made("tenant-a-b", "c", v1alpha1.TenantSpec{}))
	w.settle()
	w.delete("tenant-a", "b")
	w.delete("tenant-root", "a")
	w.settle()

	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingTenants")
	w.requireReason("tenant-a", "b", "Ready", metav1.ConditionFalse, "NotConfirmed")
	require.False(t, w.isMarked(w.tenant("tenant-a-b", "c")))
}

func TestAChildThatComesDuringTheDeletionIsRefusedAndTakenAlong(t *testing.T) {
	db := app("Postgres", "tenant-a", "db")
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}), db)
	w.settle()
	w.delete("tenant-root", "a")
	w.settle()
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingApplications")

	late := made("tenant-a", "late", v1alpha1.TenantSpec{})
	late.Finalizers = []string{"example.org/slow"}
	require.NoError(t, w.client.Create(t.Context(), late))
	w.settle()
	w.requireReason("tenant-a", "late", "Accepted", metav1.ConditionFalse, "ParentDeleting")
	require.Nil(t, w.namespace("tenant-a-late"))
	require.True(t, w.isMarked(late), "nothing was made for it, so nobody needs to agree")
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletingTenants")

	w.free(late)
	w.free(db)
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
}
