// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (w *world) rootStays(t *testing.T) {
	out, err := w.kubectl(t, "delete", "tenant", "root", "--namespace", "tenant-root", "--wait=false")
	require.Error(t, err, out)
	require.Contains(t, out, "the root tenant can't be deleted")

	// Should the policy be away, the controller holds on to it.
	out, err = w.kubectl(t, "delete", "validatingadmissionpolicybinding", "tenant-root.cozystack.io")
	require.NoError(t, err, out)
	w.await(t, func() bool {
		_, err := w.kubectl(t, "delete", "tenant", "root", "--namespace", "tenant-root", "--wait=false")

		return err == nil
	}, func() string { return "the policy still holds" })
	w.awaitReason(t, "tenant-root", "root", "Ready", "RootCannotBeDeleted")
	require.NotEmpty(t, w.labels(t, "tenant-root"))
}

func (w *world) restartWritesNothing(t *testing.T) {
	t.Helper()

	before := w.versions(t)
	w.stopController(t)
	w.startController(t)

	// A new tenant shows that the new process has gone through all the others: the first pass hands out everybody.
	w.create(t, "tenant-root", "fresh", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "fresh")
	w.delete(t, "tenant-root", "fresh")
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "fresh"}})

	after := w.versions(t)
	for _, versions := range []map[string]string{before, after} {
		delete(versions, "tenant-root/root") // it counts its children, and had one more for a moment
	}

	require.Equal(t, before, after)
}

// versions are the resource versions of all tenants and of the namespaces made for them.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()

	var (
		tenants    v1alpha1.TenantList
		namespaces corev1.NamespaceList
	)

	require.NoError(t, w.client.List(t.Context(), &tenants))
	require.NoError(t, w.client.List(t.Context(), &namespaces, client.HasLabels{"cozystack.io/tenant-name"}))

	versions := map[string]string{}
	for i := range tenants.Items {
		versions[client.ObjectKeyFromObject(&tenants.Items[i]).String()] = tenants.Items[i].ResourceVersion
	}

	for i := range namespaces.Items {
		versions[namespaces.Items[i].Name] = namespaces.Items[i].ResourceVersion
	}

	return versions
}
