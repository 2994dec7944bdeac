// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// storageGetsPools runs the command that the platform's users know, against the kind as its chart's schema makes it.
func (w *world) storageGetsPools(t *testing.T, version string) {
	t.Helper()

	schema, err := fs.ReadFile(manifests.Charts(), "seaweedfs/values.schema.json")
	require.NoError(t, err)

	storage := definedByDepot(t, version, "seaweedfs")
	require.NoError(t, unstructured.SetNestedField(storage.Object, string(schema), "spec", "application", "openAPISchema"))
	w.offer(t, storage)
	w.change(t, "tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.SeaweedFS = true })
	w.operate(t, "tenant-root", "seaweedfs")
	w.awaitReady(t, "tenant-root", "root")

	patch := func(text string) (string, error) {
		return w.kubectl(t, "patch", "-n", "tenant-root", "seaweedfses.apps.cozystack.io", "seaweedfs", "--type=merge", "-p", text)
	}

	out, err := patch(`{"spec":{"volume":{"pools":{"ssd":{"diskType":"ssd","size":"50Gi"}}}}}`)
	require.NoError(t, err, out)

	wanted := map[string]any{"pools": map[string]any{"ssd": map[string]any{"diskType": "ssd", "size": "50Gi"}}}
	w.await(t, func() bool {
		release := w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-root", "seaweedfs")
		volume, _, _ := unstructured.NestedMap(release.Object, "spec", "values", "volume")

		return equality.Semantic.DeepEqual(wanted, volume)
	}, func() string { return "the pool does not reach the release" })
	w.awaitReady(t, "tenant-root", "root")
	for text, says := range map[string]string{
		`{"spec":{"volume":{"pools":{"nvme":{"size":"50Gi"}}}}}`:    "spec.volume.pools.nvme.diskType: Required value",
		`{"spec":{"volume":{"pools":{"a.b":{"diskType":"ssd"}}}}}`:  "the name of a pool has at most 30",
		`{"spec":{"volume":{"pools":{"ssd":{"diskType":"nvme"}}}}}`: "disks of a pool can't become others",
		`{"spec":{"volume":{"pools":{"ssd":{"size":"60Gi"}}}}}`:     "volumes can't be made larger or smaller",
	} {
		out, err := patch(text)
		require.Error(t, err, text)
		require.Contains(t, out, says, text)
	}

	const unknown = `unknown field "spec.volume.pools.ssd.disk"`

	out, err = patch(`{"spec":{"volume":{"pools":{"ssd":{"disk":"ssd"}}}}}`)
	require.NoError(t, err, "kubectl patch does not ask for strict validation")
	require.Contains(t, out, "Warning: "+unknown)
	out, err = w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "SeaweedFS", "metadata": {"namespace": "tenant-root", "name": "seaweedfs"},
		"spec": {"volume": {"pools": {"ssd": {"disk": "ssd", "diskType": "ssd", "size": "50Gi"}}}}}`)
	require.Error(t, err)
	require.Contains(t, out, unknown)
	require.Equal(t, map[string]any{"volume": wanted}, w.service(t, "tenant-root", tenant.SeaweedFS).Object["spec"], "and nothing else was stored")
}
