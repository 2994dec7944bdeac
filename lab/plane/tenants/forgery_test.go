// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (a attacker) tenants(namespace string) dynamic.ResourceInterface {
	return a.dynamic.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)).Namespace(namespace)
}

// rawTenant holds what a Go type would not let anybody say.
func rawTenant(namespace, name string, fields map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: fields}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.TenantKind))
	object.SetNamespace(namespace)
	object.SetName(name)

	return object
}

func (a attacker) setsAHost(t *testing.T) {
	for host, says := range map[string]string{
		"victim.example.org": "this host is taken", "x.victim.example.org": "no ancestor", "example.org": "this host is taken",
		"org": "another tenant holds a host below", "api.alpha.example.org": "reserved for the platform",
	} {
		spec := map[string]any{"spec": map[string]any{"host": host}}
		// The list of hosts is a moment behind.
		a.await(t, func() bool {
			_, err := a.tenants("tenant-alpha").Create(t.Context(), rawTenant("tenant-alpha", "thief", spec), metav1.CreateOptions{DryRun: []string{"All"}})

			return apierrors.IsInvalid(err)
		}, func() string { return host + " is let in" })

		_, err := a.tenants("tenant-alpha").Create(t.Context(), rawTenant("tenant-alpha", "thief", spec), metav1.CreateOptions{})
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, `spec.host: "`+host+`"`)
	}
}

func (a attacker) takesAName(t *testing.T) {
	for _, name := range []string{"super", "grafana", "root", "etcd", "api"} {
		_, err := a.tenants("tenant-alpha").Create(t.Context(), rawTenant("tenant-alpha", name, map[string]any{}), metav1.CreateOptions{})
		require.True(t, apierrors.IsInvalid(err), "%s: %v", name, err)
		require.ErrorContains(t, err, `metadata.name: "`+name+`": this name is reserved`)
	}
}

func (a attacker) forgesANamespace(t *testing.T) {
	mine := a.tenants("tenant-alpha")

	_, err := mine.Create(t.Context(), rawTenant("tenant-victim", "forged", map[string]any{}), metav1.CreateOptions{})
	require.True(t, apierrors.IsBadRequest(err), "another namespace in the object than in the request: %v", err)

	for _, namespace := range []string{"tenant-root", "tenant-victim"} {
		_, err := a.tenants(namespace).Create(t.Context(), rawTenant(namespace, "forged", map[string]any{}), metav1.CreateOptions{})
		requireForbidden(t, err, "in %s", namespace)
	}

	status := map[string]any{"namespace": "tenant-victim", "host": "victim.example.org", "services": map[string]any{}}
	made, err := mine.Create(t.Context(), rawTenant("tenant-alpha", "forged", map[string]any{"status": status}), metav1.CreateOptions{})
	require.NoError(t, err)
	require.NotContains(t, made.Object, "status", "what a tenant is, is not for its maker to say")

	_, err = mine.UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	requireForbidden(t, err, "its status")

	patch := []byte(`{"status": {"namespace": "tenant-victim"}}`)
	_, err = mine.Patch(t.Context(), "forged", types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	requireForbidden(t, err, "its status by a patch")
	_, err = mine.Patch(t.Context(), "forged", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err, "a patch of the object is one of the spec")

	a.awaitReady(t, "tenant-alpha", "forged")
	require.Equal(t, "tenant-alpha-forged", a.get(t, "tenant-alpha", "forged").Status.Namespace)
	require.NotContains(t, a.labels(t, "tenant-victim"), "tenant.cozystack.io/tenant-alpha")
}
