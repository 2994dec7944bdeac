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
					require.Contains(t, string(config), "name: drbd")
					require.Contains(t, string(config), "/etc/lvm/lvm.conf")
					require.Equal(t, bundle == site.PaaSFull, bytes.Contains(config, []byte("name: openvswitch")))
				}
			})
		}
	}
}
