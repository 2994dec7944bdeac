// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/application"
)

// abandonsATenant tries to be rid of a tenant and to keep its namespace with all that runs in it, which no quota would count any more:
// the finalizer holds the tenant until those are gone. Finalizers of one's own come and go, and Kubernetes has its own.
func (a attacker) abandonsATenant(t *testing.T) {
	mine := a.tenants("tenant-alpha")

	for _, one := range []*unstructured.Unstructured{
		rawTenant("tenant-alpha", "full", map[string]any{}), rawTenant("tenant-alpha-full", "held", map[string]any{}),
	} {
		a.await(t, func() bool {
			_, err := a.tenants(one.GetNamespace()).Create(t.Context(), one, metav1.CreateOptions{})

			return err == nil
		}, func() string { return one.GetName() + " can't be made" })
		a.awaitReady(t, one.GetNamespace(), one.GetName())
	}

	a.keepsTheFinalizer(t, mine, "full", v1alpha1.TenantFinalizer)
	require.NoError(t, updateFinalizers(t, a.tenants("tenant-alpha-full"), "held", v1alpha1.TenantFinalizer, slow))

	consent := []byte(`{"metadata": {"annotations": {"cozystack.io/confirm-delete": "full"}}}`)
	_, err := mine.Patch(t.Context(), "full", types.MergePatchType, consent, metav1.PatchOptions{})
	require.NoError(t, err)

	foreground := metav1.DeletePropagationForeground
	require.NoError(t, mine.Delete(t.Context(), "full", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	a.awaitReason(t, "tenant-alpha", "full", v1alpha1.ConditionDeleting, "DeletingTenants")
	a.keepsTheFinalizer(t, mine, "full", v1alpha1.TenantFinalizer)

	// The controller is done with the one below: what holds it is its user's own.
	a.await(t, func() bool {
		return updateFinalizers(t, a.tenants("tenant-alpha-full"), "held") == nil
	}, func() string { return "one's own finalizer can't be taken off" })
	a.awaitGone(t, unmade("tenant-alpha", "full", v1alpha1.TenantSpec{}))

	err = a.client.Get(t.Context(), client.ObjectKey{Name: "tenant-alpha-full"}, &corev1.Namespace{})
	require.True(t, apierrors.IsNotFound(err), "its namespace stays: %v", err)
	a.operatorsMayAbandon(t)
}

// operatorsMayAbandon: cluster administrators, and whoever is given the verb.
func (a attacker) operatorsMayAbandon(t *testing.T) {
	t.Helper()

	beta := a.get(t, "tenant-alpha", "beta")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"finalizers": null}}`))
	require.NoError(t, a.client.Patch(t.Context(), beta.DeepCopy(), patch, client.DryRunAll))

	name := metav1.ObjectMeta{Namespace: "tenant-alpha", Name: "droppers"}
	role := &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{v1alpha1.TenantPlural}, Verbs: []string{"patch", "dropfinalizer"},
	}}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "dropper"}},
	}
	require.NoError(t, a.client.Create(t.Context(), role))
	require.NoError(t, a.client.Create(t.Context(), binding))

	dropper := a.as(t, "dropper")
	a.await(t, func() bool { return dropper.Patch(t.Context(), beta.DeepCopy(), patch, client.DryRunAll) == nil },
		func() string { return "the verb dropfinalizer lets nobody drop it" })
	require.NoError(t, a.client.Delete(t.Context(), binding))
	require.NoError(t, a.client.Delete(t.Context(), role))
}

// keepsTheFinalizer tries to take it off in each way there is to write an object.
func (attacker) keepsTheFinalizer(t *testing.T, to dynamic.ResourceInterface, name, finalizer string) {
	t.Helper()

	refused := func(way string, err error) {
		t.Helper()
		requireForbidden(t, err, "%s", way)
		require.ErrorContains(t, err, `taking it off before takes the permission "dropfinalizer" on `, way)
		require.Regexp(t, `metadata\.finalizers: "[^"]*": `+finalizer+` stays`, err.Error(), way)
	}

	object, err := to.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)

	patches := []string{`null`, `[]`}
	if object.GetDeletionTimestamp() == nil { // Kubernetes itself lets nobody add one any more
		patches = append(patches, `["example.org/mine"]`)
	}

	for _, patch := range patches {
		_, err := to.Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata": {"finalizers": `+patch+`}}`), metav1.PatchOptions{})
		refused("a merge patch to "+patch, err)
	}

	removal := []byte(`[{"op": "remove", "path": "/metadata/finalizers"}]`)
	_, err = to.Patch(t.Context(), name, types.JSONPatchType, removal, metav1.PatchOptions{})
	refused("a JSON patch", err)

	refused("an update", updateFinalizers(t, to, name))

	// Whoever applied it may leave it out again; it goes with its last owner only, and the controller is one as well.
	applied := &unstructured.Unstructured{}
	applied.SetGroupVersionKind(object.GroupVersionKind())
	applied.SetName(name)
	applied.SetFinalizers([]string{finalizer})
	_, err = to.Apply(t.Context(), name, applied, metav1.ApplyOptions{FieldManager: "me", Force: true})
	require.NoError(t, err)
	applied.SetFinalizers(nil)

	if _, err = to.Apply(t.Context(), name, applied, metav1.ApplyOptions{FieldManager: "me", Force: true}); err != nil {
		refused("server-side apply", err)
	}

	object, err = to.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Contains(t, object.GetFinalizers(), finalizer)
}

// updateFinalizers writes the whole list, as often as somebody else was faster.
func updateFinalizers(t *testing.T, to dynamic.ResourceInterface, name string, finalizers ...string) error {
	t.Helper()

	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		object, err := to.Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		object.SetFinalizers(finalizers)
		_, err = to.Update(t.Context(), object, metav1.UpdateOptions{})

		return err
	})
}

// applicationsAreNotAbandoned: a release would run on that no user can see or delete. The same of the object of a cluster service.
func (w *world) applicationsAreNotAbandoned(t *testing.T) {
	one := depotWith(map[string]any{})
	require.NoError(t, w.as(t, "boss", "tenant-alpha-admin").Create(t.Context(), one))
	w.await(t, func() bool {
		return w.client.Get(t.Context(), client.ObjectKeyFromObject(one), one) == nil && len(one.GetFinalizers()) > 0
	}, func() string { return "nobody holds the application" })

	depots := v1alpha1.GroupVersion.WithResource("depots")
	a := w.attacker(t, tenant.Admin)
	to := a.dynamic.Resource(depots).Namespace("tenant-alpha")
	a.keepsTheFinalizer(t, to, one.GetName(), application.Finalizer)

	orphan := metav1.DeletePropagationOrphan
	require.NoError(t, to.Delete(t.Context(), one.GetName(), metav1.DeleteOptions{PropagationPolicy: &orphan}))
	w.awaitGone(t, one)

	w.change(t, "tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.await(t, func() bool {
		service := w.service(t, "tenant-alpha", tenant.Etcd)

		return service != nil && len(service.GetFinalizers()) > 0
	}, func() string { return "nobody holds the service" })

	boss := w.attacker(t, tenant.SuperAdmin)
	etcds := v1alpha1.GroupVersion.WithResource("etcds")
	boss.keepsTheFinalizer(t, boss.dynamic.Resource(etcds).Namespace("tenant-alpha"), "etcd", application.Finalizer)

	w.change(t, "tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.await(t, func() bool { return w.service(t, "tenant-alpha", tenant.Etcd) == nil }, func() string { return "the service stays" })
}
