// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (w *world) managersShare(t *testing.T) {
	apply := func(manager string, spec map[string]any) error {
		return w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(depotWith(spec)), client.FieldOwner(manager))
	}

	require.NoError(t, apply("left", map[string]any{"size": int64(3)}))
	require.NoError(t, apply("right", map[string]any{"label": "blue"}))
	require.True(t, apierrors.IsConflict(apply("right", map[string]any{"label": "blue", "size": int64(4)})), "size is left's")
	w.awaitDepot(t, "one", "Ready")

	spec, _, _ := unstructured.NestedMap(w.depotNamed(t, "one").Object, "spec")
	require.Equal(t, map[string]any{"size": int64(3), "label": "blue", "options": map[string]any{"safe": true}}, spec)
}

func depotWith(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Depot",
		"metadata": map[string]any{"name": "one", "namespace": "tenant-alpha"}, "spec": spec,
	}}
}

// To Helm null is not the empty map: it takes the chart's default away.
func (w *world) emptiedMapStays(t *testing.T) {
	_, err := w.kubectl(t, "patch", "depots", "one", "--namespace", "tenant-alpha", "--type", "json",
		"--patch", `[{"op": "replace", "path": "/spec/options", "value": {}}, {"op": "replace", "path": "/spec/size", "value": 5}]`)
	require.NoError(t, err)
	w.awaitDepot(t, "one", "Ready")
	require.Equal(t, `{"fast":true}`, w.depotSays(t, "one")["options"])
	require.Equal(t, "5", w.depotSays(t, "one")["size"])
}
