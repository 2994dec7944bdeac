// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// TestChangesOfObjectStorageThatCantBeMadeAreRefused by the API server's own code, with field, value and reason.
func TestChangesOfObjectStorageThatCantBeMadeAreRefused(t *testing.T) {
	refused := changesOf(t, "seaweedfs")
	zoned := map[string]any{"topology": "MultiZone", "volume": zones("a", "b")}
	for name, c := range map[string]struct {
		before, after map[string]any
		says          string // empty: it is taken
	}{
		"size":            {map[string]any{}, map[string]any{"size": "20Gi"}, `spec.size: Invalid value: "20Gi": volumes can't be made larger or smaller`},
		"size as it is":   {map[string]any{}, map[string]any{"size": "10Gi"}, ""},
		"size by default": {map[string]any{"size": "20Gi"}, map[string]any{}, `"10Gi": volumes can't`},
		"class":           {map[string]any{}, map[string]any{"storageClass": "local"}, `spec.storageClass: Invalid value: "local": the class`},
		"masters":         {map[string]any{}, map[string]any{"masters": int64(5)}, `spec.masters: Invalid value: "5": the number of masters`},
		"masters back":    {map[string]any{"masters": int64(1)}, map[string]any{}, `"3": the number of masters`},
		"filer": {
			map[string]any{},
			map[string]any{"filer": map[string]any{"size": "9Gi"}},
			`spec.filer.size: Invalid value: "9Gi": the filer's volume`,
		},
		"to zones":   {map[string]any{}, zoned, ""},
		"and back":   {zoned, map[string]any{}, `spec.topology: Invalid value: "Simple": MultiZone can't become Simple`},
		"few zones":  {map[string]any{}, map[string]any{"topology": "MultiZone", "volume": zones("a")}, `"MultiZone": needs as many volume.zones`},
		"only zones": {map[string]any{}, map[string]any{"volume": zones("a", "b")}, `"Simple": has no volume.zones`},
		"one more":   {zoned, map[string]any{"topology": "MultiZone", "volume": zones("a", "b", "c")}, ""},
		"more copies than zones": {
			zoned, map[string]any{"topology": "MultiZone", "copies": int64(3), "volume": zones("a", "b")}, `"MultiZone": needs as many volume.zones`,
		},
		"no servers": {map[string]any{}, map[string]any{"replicas": int64(0)}, `spec.replicas: Invalid value: "0": fewer servers than copies`},
		"fewer servers than copies": {
			map[string]any{}, map[string]any{"copies": int64(3)}, `spec.replicas: Invalid value: "2": fewer servers than copies`,
		},
		"old servers stopped": {zoned, map[string]any{"topology": "MultiZone", "replicas": int64(0), "volume": zones("a", "b")}, ""},
		"no servers of a pool": {
			withPool(pool("ssd")), withPool(map[string]any{"diskType": "ssd", "replicas": int64(0)}),
			`spec.volume.pools: Invalid value: "ssd": has fewer replicas than there are copies`,
		},
		"size of a pool, late":    {withPool(pool("ssd")), withPool(map[string]any{"diskType": "ssd", "size": "9Gi"}), `spec.volume.pools[ssd].size`},
		"size of a pool, no more": {withPool(map[string]any{"diskType": "ssd", "size": "9Gi"}), withPool(pool("ssd")), `spec.volume.pools[ssd].size`},
		"class of a pool, late":   {withPool(pool("ssd")), withPool(map[string]any{"diskType": "ssd", "storageClass": ""}), `spec.volume.pools[ssd].storageClass`},
		"class of a pool, other": {
			withPool(map[string]any{"diskType": "ssd", "storageClass": "a"}), withPool(map[string]any{"diskType": "ssd", "storageClass": "b"}),
			`spec.volume.pools[ssd].storageClass`,
		},
		"pool as it is": {withPool(map[string]any{"diskType": "ssd", "size": "9Gi"}), withPool(map[string]any{"diskType": "ssd", "size": "9Gi"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, c.before, c.after, c.says)
		})
	}
}

// changesOf asks the API server's own code whether the rules of a chart's schema take a change of an application's spec, and what they say.
func changesOf(t *testing.T, chart string) func(t *testing.T, before, after map[string]any, says string) {
	t.Helper()
	structural := structuralOf(t, chart)
	validator := cel.NewValidator(structural, false, celconfig.PerCallLimit)
	return func(t *testing.T, before, after map[string]any, says string) {
		t.Helper()
		errs, _ := validator.Validate(t.Context(), field.NewPath("spec"), structural, after, before, celconfig.RuntimeCELCostBudget)
		if says == "" {
			require.Empty(t, errs)
			return
		}
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], says)
	}
}

func withPool(said map[string]any) map[string]any {
	return map[string]any{"volume": map[string]any{"pools": map[string]any{"ssd": said}}}
}
