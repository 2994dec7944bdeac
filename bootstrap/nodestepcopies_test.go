// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALINSTORNodeThatVolumesCannotDoWithoutIsKeptAtOnce(t *testing.T) {
	made := map[string]any{"name": "replicated", "creationTimestamp": "2026-01-02T00:00:00Z"}
	online := func(name string) map[string]any {
		return stepObject(name, map[string]any{
			"spec":   map[string]any{"deletionPolicy": "Evacuate", "storagePools": []any{map[string]any{"name": "data"}}},
			"status": map[string]any{"conditions": []any{map[string]any{"type": "Configured", "status": "True"}}},
		})
	}
	c := &stepsCluster{objects: map[string][]map[string]any{
		"StorageClass": {{"metadata": made, "parameters": map[string]any{placementCount: "3", "linstor.csi.linbit.com/storagePool": "data"}}},
		"PersistentVolume": {{
			"metadata": map[string]any{"name": "pvc-1", "creationTimestamp": "2026-01-03T00:00:00Z"},
			"spec": map[string]any{
				"storageClassName": "replicated", "csi": map[string]any{"driver": "linstor.csi.linbit.com"},
				"claimRef": map[string]any{"namespace": "tenant-a", "name": "data-0"},
			},
		}},
		"LinstorSatellite": {online("w1"), online("w2"), online("w3")},
	}}
	steps := shippedSteps(t, "linstor", worker1, "")
	err := refuse(t.Context(), c, worker1, steps)
	var refused *RefusedStepsError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "nothing was done, because node w1 can't go: linstor: check that as many nodes are left as volumes have copies: "+
		"PersistentVolume pvc-1 of the claim tenant-a/data-0")
	require.Contains(t, refused.Hint(), "cozy-install node add")

	c.objects["LinstorSatellite"] = append(c.objects["LinstorSatellite"], online("w4"))
	require.NoError(t, refuse(t.Context(), c, worker1, steps), "with a fourth it can go")
}
