// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withStorage gives a node of the loopback site devices.
func withStorage(node, devices string) []string {
	return []string{"name: " + node + ",", "name: " + node + ", storage: [" + devices + "],"}
}

func TestDevicesReachLINSTORNodeByNode(t *testing.T) {
	for _, bundle := range []string{"paas-full", "distro-full"} {
		plan := resolved(t, append(append(withStorage("cp1", "/dev/disk/by-id/a, /dev/disk/by-path/pci-0000:00:1f.2-ata-2"),
			withStorage("w1", "/dev/disk/by-id/b")...), "paas-full", bundle)...)
		objects := objectsOf(t, plan, "linstor")
		require.Equal(t, map[string]any{"kubernetes.io/hostname": "cp1"}, at(t, objects["LinstorSatelliteConfiguration/pool-cp1"], "spec", "nodeSelector"))
		require.Equal(t, []any{map[string]any{
			"name": "data", "zfsPool": map[string]any{"zPool": "data"},
			"source": map[string]any{"hostDevices": []any{"/dev/disk/by-id/a", "/dev/disk/by-path/pci-0000:00:1f.2-ata-2"}},
		}}, at(t, objects["LinstorSatelliteConfiguration/pool-cp1"], "spec", "storagePools"))
		require.Contains(t, objects, "LinstorSatelliteConfiguration/pool-w1")
		require.NotContains(t, objects, "LinstorSatelliteConfiguration/pool-cp2", "it gives nothing")
		require.Contains(t, objects, "LinstorSatelliteConfiguration/talos")

		classes := objectsOf(t, plan, "storage-classes")
		require.Equal(t, "2", at(t, classes["StorageClass/replicated"], "parameters", "linstor.csi.linbit.com/placementCount"),
			"a third copy would have no place")
		require.Equal(t, "data", at(t, classes["StorageClass/local"], "parameters", "linstor.csi.linbit.com/storagePool"))
	}
}

func TestReplicatedVolumesHaveThreeCopiesAtMost(t *testing.T) {
	var all []string
	for _, node := range []string{"cp1", "cp2", "cp3", "w1"} {
		all = append(all, withStorage(node, "/dev/disk/by-id/"+node)...)
	}
	require.Equal(t, 3, valueAt(t, resolved(t, all...), "storage-classes", "replicated", "copies"))
	require.Equal(t, 3, valueAt(t, resolved(t), "storage-classes", "replicated", "copies"), "pools may be made by hand, on any node")
	one := loopbackSite[:strings.Index(loopbackSite, "- {name: cp2")]
	require.Equal(t, 1, valueAt(t, planOf(t, one), "storage-classes", "replicated", "copies"))
}

const hostedText = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: distro-hosted
packages: {enable: [victoria-metrics-operator, monitoring-agents]}
storage: {class: fast}
`

func TestTheStorageClassOfAnExistingClusterReachesVolumes(t *testing.T) {
	plan := planOf(t, hostedText)
	require.Equal(t, "fast", valueAt(t, plan, "monitoring-agents", "storage", "storageClass"))
	objects := objectsOf(t, plan, "monitoring-agents")
	for _, database := range []string{"VMSingle/platform", "VLSingle/platform"} {
		require.Equal(t, "fast", at(t, objects[database], "spec", "storage", "storageClassName"), database)
	}
	objects = objectsOf(t, planOf(t, strings.Replace(hostedText, "storage: {class: fast}", "", 1)), "monitoring-agents")
	require.NotContains(t, at(t, objects["VMSingle/platform"], "spec", "storage"), "storageClassName", "the cluster's default one")
}
