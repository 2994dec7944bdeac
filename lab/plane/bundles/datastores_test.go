// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// storesAreHeldToTheirTenant writes DataStores of Kamaji as the account that releases a tenant's etcd.
func (w *world) storesAreHeldToTheirTenant(t *testing.T, namespace string) {
	t.Helper()
	stores := w.dynamic.Resource(schema.GroupVersionResource{Group: "kamaji.clastix.io", Version: "v1alpha1", Resource: "datastores"})
	create := func(name, secrets string) error {
		certificate := map[string]any{"secretReference": map[string]any{"name": "etcd-ca-tls", "namespace": secrets, "keyPath": "tls.crt"}}
		_, err := stores.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "kamaji.clastix.io/v1alpha1", "kind": "DataStore", "metadata": map[string]any{"name": name},
			"spec": map[string]any{
				"driver": "etcd", "endpoints": []any{"etcd-client." + namespace + ".svc:2379"},
				"tlsConfig": map[string]any{"certificateAuthority": map[string]any{"certificate": certificate}},
			},
		}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	var err error
	isRefused := func() bool { // policies are not there at once
		err = create(namespace, "kube-system")
		return apierrors.IsForbidden(err)
	}
	if !assert.Eventually(t, isRefused, patience, tick) {
		t.Fatalf("a DataStore that leads to Secrets of kube-system is not refused: %v", err)
	}
	require.ErrorContains(t, err, `secretReference.namespace: "kube-system": a store names Secrets of its own tenant; name those of `+namespace)
	require.NoError(t, create(namespace, namespace))
	require.True(t, apierrors.IsForbidden(create("tenant-root", namespace)))
}
