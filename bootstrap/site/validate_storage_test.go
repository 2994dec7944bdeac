// SPDX-License-Identifier: Apache-2.0

package site

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// storageOf gives the smallest site's machine such devices, on line 17 from column 15 on.
func storageOf(devices string, want ...string) rule {
	return rule{"disk:", "storage: [" + devices + "]\n    disk:", want}
}

func TestStorageRules(t *testing.T) {
	const unstable = ": not a name that the device keeps: /dev/disk/by-id/..., or by-path, by-partlabel, by-partuuid"
	checkRules(t, full, map[string]rule{
		"name of the moment": storageOf("/dev/sdb", `17:15 nodes[0].storage[0]: "/dev/sdb"`+unstable),
		"no path":            storageOf("sdb", `17:15 nodes[0].storage[0]: "sdb"`+unstable),
		"up and down":        storageOf("/dev/disk/by-id/..", `17:15 nodes[0].storage[0]: "/dev/disk/by-id/.."`+unstable),
		"by file system":     storageOf("/dev/disk/by-label/data", `17:15 nodes[0].storage[0]: "/dev/disk/by-label/data"`+unstable),
		"twice":              storageOf("/dev/disk/by-id/a, /dev/disk/by-id/a", `17:34 nodes[0].storage[1]: "/dev/disk/by-id/a": listed twice`),
		"no raw volume": storageOf("/dev/disk/by-partlabel/r-linstor",
			`17:15 nodes[0].storage[0]: "/dev/disk/by-partlabel/r-linstor": this node has no raw volume of that name`),
		"of another node": {
			"disk: {serial: D1}", "disk: {serial: D1}\n    storage: [/dev/disk/by-id/a]\n" +
				"  - {name: w1, mac: '52:54:00:77:00:02', address: 10.77.0.12, disk: {serial: D2}, storage: [/dev/disk/by-id/a]}",
			[]string{`19:93 nodes[1].storage[0]: "/dev/disk/by-id/a": already used by nodes[0].storage[0]`},
		},
	})
	for _, good := range []string{
		"storage: [/dev/disk/by-id/nvme-eui.0025384b21400a01, /dev/disk/by-path/pci-0000:00:1f.2-ata-2]",
		"storage: [/dev/disk/by-partlabel/r-data]\n    volumes: {ephemeral: 100GiB, raw: [{name: data, size: 1TiB}]}",
		"storage: [/dev/disk/by-partlabel/linstor]", // made by hand
	} {
		require.Empty(t, problems(t, strings.Replace(full, "disk:", good+"\n    disk:", 1)), good)
	}
}

func TestKubeOVNsNetworksAreOfPaaSFullOnly(t *testing.T) {
	distro := strings.Replace(full, "bundle: paas-full", "bundle: distro-full", 1)
	require.Empty(t, problems(t, distro))
	given := strings.Replace(distro, "vip:", "podSubnet: 10.10.0.0/16\n  joinSubnet: 10.11.0.0/16\n  vip:", 1)
	require.Equal(t, []string{
		`9:14 network.podSubnet: "10.10.0.0/16": not possible with bundle distro-full, which has no Kube-OVN`,
		`10:15 network.joinSubnet: "10.11.0.0/16": not possible with bundle distro-full, which has no Kube-OVN`,
	}, problems(t, given))
	// What would be Kube-OVN's defaults is free there.
	require.Empty(t, problems(t, strings.Replace(distro, "vip:", "nodePodSubnet: 10.244.0.0/16\n  loadBalancer: 100.64.0.0/24\n  vip:", 1)))
}
