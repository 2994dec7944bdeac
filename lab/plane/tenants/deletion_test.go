// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// slow is the finalizer of objects that take their time.
const slow = "example.org/slow"

func (w *world) deletionNeedsConsent(t *testing.T) {
	w.await(t, func() bool { return w.get(t, "tenant-root", "alpha").Status.Children == 1 }, func() string { return "children are not counted" })

	out, err := w.kubectl(t, "delete", "tenant", "alpha", "--namespace", "tenant-root", "--wait=false")
	require.Error(t, err, out)

	for _, says := range []string{
		`cozystack.io/confirm-delete]: "": the tenants below it (1 right below) are deleted with it`, "cozy-install tenant delete tenant-alpha",
		"kubectl annotate tenants.apps.cozystack.io --namespace tenant-root alpha cozystack.io/confirm-delete=alpha",
	} {
		require.Contains(t, out, says)
	}

	require.Zero(t, w.get(t, "tenant-root", "alpha").DeletionTimestamp)

	out, err = w.kubectl(t, "annotate", "tenants.apps.cozystack.io", "--namespace", "tenant-root", "alpha", "cozystack.io/confirm-delete=alpha")
	require.NoError(t, err, out)
	w.delete(t, "tenant-root", "alpha")

	for _, name := range []string{"tenant-alpha-beta-gamma", "tenant-alpha-beta", "tenant-alpha"} {
		w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}

	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "alpha"}})
}

// Big has seven tenants with six below each: fifty in all. Some have applications and services, which go slowly, and one
// application goes not at all until somebody helps.
func (w *world) treeOfFiftyGoes(t *testing.T) {
	w.createKind(t, v1alpha1.GroupVersion.WithKind("Postgres"), "postgreses")
	w.createKind(t, v1alpha1.GroupVersion.WithKind("Etcd"), "etcds")

	namespaces := w.createTree(t)
	for _, namespace := range []string{"tenant-big", "tenant-big-c3", "tenant-big-c3-g1", "tenant-big-c5-g0"} {
		w.createSlow(t, "Postgres", namespace, "db")
		w.createSlow(t, "Postgres", namespace, "db2")
		w.runSlowEtcd(t, namespace, namespaces[namespace])
	}

	w.createSlow(t, "Postgres", "tenant-big-c6-g2", "stuck")

	big := w.get(t, "tenant-root", "big")
	metav1.SetMetaDataAnnotation(&big.ObjectMeta, v1alpha1.AnnotationConfirmDelete, "big")
	require.NoError(t, w.client.Update(t.Context(), big))
	w.delete(t, "tenant-root", "big")

	kept := map[string]bool{"tenant-big": true, "tenant-big-c6": true, "tenant-big-c6-g2": true}

	w.await(t, func() bool {
		w.helpAlong(t, "stuck")

		return w.countLeft(t, namespaces) == len(kept)
	}, func() string { return fmt.Sprint("left: ", w.countLeft(t, namespaces)) })

	condition := w.awaitReason(t, "tenant-big-c6", "g2", v1alpha1.ConditionDeleting, "DeletingApplications")
	require.Contains(t, condition.Message, "Postgres stuck (kept by "+slow+")")
	require.Contains(t, w.awaitReason(t, "tenant-big", "c6", "Ready", "DeletingTenants").Message, "tenant g2")
	require.Contains(t, w.awaitReason(t, "tenant-root", "big", "Ready", "DeletingTenants").Message, "tenant c6")

	out, err := w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"namespace": "tenant-big", "name": "late"}}`)
	require.Error(t, err, out)
	require.Contains(t, out, `metadata.namespace: "tenant-big": the tenant of this namespace is being deleted`)
	require.ErrorContains(t, w.client.Create(t.Context(), ordered("Postgres", "tenant-big", "late")), "nothing more is created in it")

	w.await(t, func() bool {
		w.helpAlong(t, "")

		return w.countLeft(t, namespaces) == 0
	}, func() string { return fmt.Sprint("left: ", w.countLeft(t, namespaces)) })
	w.awaitGone(t, big)
}

// createTree makes the tenants, and returns their namespaces when all are Ready.
func (w *world) createTree(t *testing.T) map[string]types.NamespacedName {
	t.Helper()

	made := map[string]types.NamespacedName{}
	add := func(parent, name, namespace string) {
		w.create(t, parent, name, v1alpha1.TenantSpec{})
		made[namespace] = types.NamespacedName{Namespace: parent, Name: name}
	}
	ready := func() {
		for _, key := range made {
			w.awaitReady(t, key.Namespace, key.Name)
		}
	}

	add("tenant-root", "big", "tenant-big")
	ready()

	for i := range 7 {
		add("tenant-big", fmt.Sprintf("c%d", i), fmt.Sprintf("tenant-big-c%d", i))
	}

	ready()

	for i := range 7 {
		for j := range 6 {
			parent := fmt.Sprintf("tenant-big-c%d", i)
			add(parent, fmt.Sprintf("g%d", j), fmt.Sprintf("%s-g%d", parent, j))
		}
	}

	ready()
	require.Len(t, made, 50)

	return made
}

// createKind makes a kind whose objects may hold anything.
func (w *world) createKind(t *testing.T, kind schema.GroupVersionKind, plural string) {
	t.Helper()

	out, err := w.apply(t, fmt.Sprintf(`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": {"name": "%[2]s.%[4]s"}, "spec": {"group": %[4]q, "scope": "Namespaced",
		"names": {"kind": %[1]q, "plural": %[2]q, "singular": %[3]q, "listKind": "%[1]sList"}, "versions": [{"name": %[5]q,
		"served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}`,
		kind.Kind, plural, strings.ToLower(kind.Kind), kind.Group, kind.Version))
	require.NoError(t, err, out)
}

func ordered(kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetNamespace(namespace)
	object.SetName(name)
	object.SetFinalizers([]string{slow})

	return object
}

func (w *world) createSlow(t *testing.T, kind, namespace, name string) {
	t.Helper()

	var err error

	w.await(t, func() bool {
		err = w.client.Create(t.Context(), ordered(kind, namespace, name))

		return err == nil
	}, func() string { return fmt.Sprintf("%s in %s can't be made: %v", kind, namespace, err) })
}

// runSlowEtcd has a tenant run etcd, which will take its time to go.
func (w *world) runSlowEtcd(t *testing.T, namespace string, key types.NamespacedName) {
	t.Helper()
	w.change(t, key.Namespace, key.Name, func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.await(t, func() bool { return w.service(t, namespace, tenant.Etcd) != nil }, func() string { return "no etcd in " + namespace })

	object := w.service(t, namespace, tenant.Etcd)
	before := object.DeepCopy()
	object.SetFinalizers([]string{slow})
	require.NoError(t, w.client.Patch(t.Context(), object, client.MergeFrom(before)))
}

// helpAlong stands for those who run applications: it lets each go that is being deleted, but for one, and holds them to the
// order in which they may go.
func (w *world) helpAlong(t *testing.T, but string) {
	t.Helper()

	// Looked at in this order, whatever is still there was there when something before it was being deleted.
	etcds, databases := w.list(t, "Etcd"), w.list(t, "Postgres")

	var tenants v1alpha1.TenantList
	require.NoError(t, w.client.List(t.Context(), &tenants))

	for _, object := range append(etcds, databases...) {
		if object.GetDeletionTimestamp() == nil || object.GetName() == but {
			continue
		}

		for i := range tenants.Items {
			require.NotEqual(t, object.GetNamespace(), tenants.Items[i].Namespace, "tenants go before applications")
		}

		for i := range databases {
			if object.GetKind() == "Etcd" {
				require.NotEqual(t, object.GetNamespace(), databases[i].GetNamespace(), "applications go before services")
			}
		}

		var namespace corev1.Namespace
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: object.GetNamespace()}, &namespace))
		require.Zero(t, namespace.DeletionTimestamp, "namespaces go last")

		before := object.DeepCopy()
		object.SetFinalizers(nil)
		require.NoError(t, client.IgnoreNotFound(w.client.Patch(t.Context(), &object, client.MergeFrom(before))))
	}
}

func (w *world) list(t *testing.T, kind string) []unstructured.Unstructured {
	t.Helper()

	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	require.NoError(t, w.client.List(t.Context(), list))

	return list.Items
}

// countLeft counts the namespaces that are still there.
func (w *world) countLeft(t *testing.T, made map[string]types.NamespacedName) int {
	t.Helper()

	var namespaces corev1.NamespaceList
	require.NoError(t, w.client.List(t.Context(), &namespaces))

	count := 0

	for i := range namespaces.Items {
		if _, isOurs := made[namespaces.Items[i].Name]; isOurs {
			count++
		}
	}

	return count
}
