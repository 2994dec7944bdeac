// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// classesIn are the classes of volumes that a rendering puts into the tenant's cluster, and whether they are the default one.
func classesIn(t *testing.T, manifest string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, object := range objects(t, at(named(t, manifest, "ConfigMap", "addons-kubernetes-csi"), "data", "csi.yaml").(string)) {
		if object["kind"] == "StorageClass" {
			out[at(object, "metadata", "name").(string)] = at(object, "metadata", "annotations", "storageclass.kubernetes.io/is-default-class")
		}
	}
	return out
}

// TestOneClassOfVolumesIsTheDefault also after a change: Cluster API leaves in the cluster what was put there.
func TestOneClassOfVolumesIsTheDefault(t *testing.T) {
	with := func(classes ...any) rendering {
		return rendering{"", "kubernetes", "tenant-alpha", ordered("kubernetes", map[string]any{"storageClasses": classes})}
	}
	first := render(t, with("replicated", "local"))
	require.Equal(t, map[string]any{"replicated": "true", "local": "false"}, classesIn(t, first))

	turned := renderOn(t, with("local"), first)
	require.Equal(t, map[string]any{"replicated": "false", "local": "true"}, classesIn(t, turned))

	none := renderOn(t, with(), turned)
	require.Equal(t, map[string]any{"replicated": "false", "local": "false", "default": "true"}, classesIn(t, none))

	again := renderOn(t, with("replicated"), none)
	require.Equal(t, map[string]any{"replicated": "true", "local": "false", "default": "false"}, classesIn(t, again))
}
