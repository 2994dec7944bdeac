// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// TestEveryBundleRoleAndContractHasAValidConfig makes the configs of the realistic example, with bonds, VLANs, logins and
// patches, and of the loopback site. What comes out has been validated by Talos's own code, in metal mode, warnings being
// errors; two runs give the same bytes.
func TestEveryBundleRoleAndContractHasAValidConfig(t *testing.T) {
	secrets, err := os.ReadFile("../talos/testdata/secrets-test-only.yaml")
	require.NoError(t, err)
	wide := surrounded(t, registriesAndProxy, map[string]string{"ca.pem": authority(t), "pull": "p", "b": "p", "proxy": "a:b"})
	wide.Registries.Bastion = &site.BastionRegistry{Address: "127.211.7.1:5000"}
	wide.Nodes[3].MAC = "52:54:00:00:00:04"
	wide.Nodes[3].Network = &site.NodeNetwork{Bond: &site.Bond{Members: []string{"52:54:00:00:00:04", "52:54:00:00:00:05"}, Mode: "802.3ad"}, VLAN: 7}
	wide.Nodes[0].Volumes = &site.Volumes{Ephemeral: "50GiB", Raw: []site.RawVolume{{Name: "linstor", Size: "100GiB"}}}

	for _, bundle := range []string{site.PaaSFull, site.DistroFull} {
		for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
			t.Run(bundle+" "+version, func(t *testing.T) {
				s := *wide
				s.Bundle = bundle
				b := withoutSecrets(t, &s)
				require.NoError(t, b.dir.Write(t.Context(), workdir.SecretsFile, secrets))
				running := map[string]string{}
				for _, node := range s.Nodes {
					running[node.Name] = version
				}
				first, err := b.machineConfigs(s.Nodes, running)
				require.NoError(t, err)
				again, err := b.machineConfigs(s.Nodes, running)
				require.NoError(t, err)
				for i, config := range first {
					require.True(t, bytes.Equal(config, again[i]), s.Nodes[i].Name)
					require.Contains(t, string(config), "type: "+s.Nodes[i].Role)
					for _, part := range neededOfTalos() {
						require.Contains(t, string(config), part, s.Nodes[i].Name)
					}
					for _, part := range neededForMachines() {
						require.Equal(t, bundle == site.PaaSFull, bytes.Contains(config, []byte(part)), "%s: %s", s.Nodes[i].Name, part)
					}
				}
				require.Equal(t, version != "v1.11.6", bytes.Contains(first[3], []byte("kind: BondConfig")), "1.11 has it in the main document")
				require.Contains(t, string(first[3]), "802.3ad")
			})
		}
	}
}

// neededOfTalos is what storage and many pods need, in the platform's own list (as of v1.6). The extensions are in the
// installer's image.
func neededOfTalos() []string {
	return []string{
		"name: drbd", "usermode_helper=disabled", "name: zfs", "name: spl", "/etc/lvm/lvm.conf", "op: overwrite", "maxPods: 512",
		`net.ipv4.neigh.default.gc_thresh1: "4096"`, `net.ipv4.neigh.default.gc_thresh2: "8192"`, `net.ipv4.neigh.default.gc_thresh3: "16384"`,
		`net.ipv4.tcp_orphan_retries: "3"`, `net.ipv4.tcp_fin_timeout: "30"`, `net.core.netdev_max_backlog: "5000"`,
		`net.core.netdev_budget: "600"`, `net.core.netdev_budget_usecs: "8000"`,
	}
}

// neededForMachines is what virtual machines and their network need beside that.
func neededForMachines() []string {
	return []string{
		"name: openvswitch", "name: vfio_pci", "name: vfio_iommu_type1", "cpuManagerPolicy: static", "/etc/cri/conf.d/20-customization.part",
		"device_ownership_from_security_context = true",
	}
}
