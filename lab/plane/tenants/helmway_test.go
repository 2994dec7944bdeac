// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// release is how a platform's operator orders tenant beta in the root. Flux looks for drift, as it would fight whoever writes
// to what it made.
func (w *world) release(t *testing.T) *unstructured.Unstructured {
	t.Helper()

	return w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-root", "tenant-beta")
}

func (w *world) tenantsComeByReleases(t *testing.T) {
	repository, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	version, err := repository.Version("tenant")
	require.NoError(t, err)

	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)
	require.NoError(t, w.plane.RouteHost("own.example.org:8879", server.Listener.Addr().String()))
	w.applyYAML(t, `
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: own, namespace: cozy-system}
spec: {url: "http://own.example.org:8879", interval: 1h}
`)
	w.applyYAML(t, `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: tenant-beta, namespace: tenant-root}
spec:
  interval: 5s
  driftDetection: {mode: enabled}
  chart: {spec: {chart: tenant, version: "`+version+`", sourceRef: {kind: HelmRepository, name: own, namespace: cozy-system}}}
  values: {etcd: false, resourceQuotas: {cpu: "4"}}
`)
	w.awaitFor(t, 2*patience, func() bool { return w.isOrdered(t) }, func() string { return fmt.Sprint("no tenant comes of ", w.release(t)) })
	w.awaitReady(t, "tenant-root", "beta")
	require.Equal(t, "tenant-beta", w.get(t, "tenant-root", "beta").Status.Namespace)

	before := w.get(t, "tenant-root", "beta").ResourceVersion

	for i := range 2 {
		w.asksFlux(t, fmt.Sprint("steady ", i))
	}

	require.Equal(t, before, w.get(t, "tenant-root", "beta").ResourceVersion, "Flux and the controller write to it by turns")

	w.setsValues(t, map[string]any{"etcd": false, "host": "beta.example.com"})
	w.awaitFor(t, 2*patience, func() bool { return w.get(t, "tenant-root", "beta").Spec.Host == "beta.example.com" },
		func() string { return fmt.Sprint("a value does not reach the tenant: ", w.release(t)) })
	w.awaitReady(t, "tenant-root", "beta")
	require.Equal(t, "beta.example.com", w.get(t, "tenant-root", "beta").Status.Host)
	require.Empty(t, w.get(t, "tenant-root", "beta").Spec.ResourceQuotas, "what is not set any more goes")

	w.releaseGoesWithConsent(t)
}

// isOrdered tells whether the tenant is there, as its release has it.
func (w *world) isOrdered(t *testing.T) bool {
	t.Helper()

	var list v1alpha1.TenantList
	require.NoError(t, w.client.List(t.Context(), &list, client.InNamespace("tenant-root")))

	for i := range list.Items {
		if list.Items[i].Name == "beta" {
			cpu := list.Items[i].Spec.ResourceQuotas["cpu"]

			return cpu.String() == "4"
		}
	}

	return false
}

// asksFlux has it look once more, and waits until it has.
func (w *world) asksFlux(t *testing.T, when string) {
	t.Helper()

	one := w.release(t)
	before := one.DeepCopy()
	one.SetAnnotations(map[string]string{"reconcile.fluxcd.io/requestedAt": when})
	require.NoError(t, w.client.Patch(t.Context(), one, client.MergeFrom(before)))
	w.awaitFor(t, 2*patience, func() bool {
		handled, _, _ := unstructured.NestedString(w.release(t).Object, "status", "lastHandledReconcileAt")
		reason, _ := conditionOf(w.release(t), "Ready")

		return handled == when && reason != "Progressing"
	}, func() string { return fmt.Sprint("Flux does not look at ", w.release(t)) })
}

func (w *world) setsValues(t *testing.T, values map[string]any) {
	t.Helper()

	one := w.release(t)
	before := one.DeepCopy()
	one.Object["spec"].(map[string]any)["values"] = values
	require.NoError(t, w.client.Patch(t.Context(), one, client.MergeFrom(before)))
}

// releaseGoesWithConsent: a tenant that holds another stays, and its release with it, until somebody says that both may go.
func (w *world) releaseGoesWithConsent(t *testing.T) {
	t.Helper()

	w.create(t, "tenant-beta", "kid", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-beta", "kid")
	w.await(t, func() bool { return w.get(t, "tenant-root", "beta").Status.Children == 1 }, func() string { return "the child is not counted" })

	release := w.release(t)
	require.NoError(t, w.client.Delete(t.Context(), release))
	w.awaitFor(t, 2*patience, func() bool {
		reason, message := conditionOf(w.release(t), "Ready")

		return reason == "UninstallFailed" && message != ""
	}, func() string { return fmt.Sprint("Flux does not say that the tenant stays: ", w.release(t)) })
	require.True(t, w.get(t, "tenant-root", "beta").DeletionTimestamp.IsZero())
	require.True(t, w.get(t, "tenant-beta", "kid").DeletionTimestamp.IsZero())

	w.annotate(t, "tenant-root", "beta", map[string]string{v1alpha1.AnnotationConfirmDelete: "beta"})
	w.awaitFor(t, 4*patience, func() bool { return w.release(t) == nil }, func() string { return fmt.Sprint("the release stays: ", w.release(t)) })
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "beta"}})

	for _, namespace := range []string{"tenant-beta", "tenant-beta-kid"} {
		w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
}
