// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"flag"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wide is a node with everything that a config can say about one.
func wide(t testing.TB, c *talos.Cluster, n *talos.Node) {
	t.Helper()

	roots, err := os.ReadFile("testdata/authority.pem")
	require.NoError(t, err)

	c.Registries.TrustedRoots = string(roots)
	c.Registries.Auth = map[string]talos.RegistryAuth{
		"mirror.example.org": {Username: "puller", Password: testPassword}, "10.77.0.2:5000": {Username: "other", Password: testPassword},
	}
	c.Proxy = &talos.HTTPProxy{
		HTTP: &url.URL{Scheme: "http", Host: "proxy.example.org:3128"}, HTTPS: &url.URL{Scheme: "http", Host: "proxy.example.org:3128"},
		Except: []string{".example.org"}, Login: "browser:" + testPassword,
	}
	n.Network = talos.Network{
		Bond: &talos.Bond{
			Members: []net.HardwareAddr{{0x52, 0x54, 0, 0x77, 0, 1}, {0x52, 0x54, 0, 0x77, 0, 2}},
			Mode:    "802.3ad", TransmitHash: "layer3+4", LACPRate: "fast",
		},
		VLAN:         10,
		LinkSettings: talos.LinkSettings{MTU: 9000, Addresses: []netip.Prefix{netip.MustParsePrefix("10.77.0.111/24")}},
		VLANs: []talos.VLAN{{ID: 20, LinkSettings: talos.LinkSettings{
			MTU: 1500, Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.11/24")},
			Routes: []talos.Route{{Destination: netip.MustParsePrefix("10.21.0.0/16"), Gateway: netip.MustParseAddr("10.20.0.1"), Metric: 50}},
		}}},
		Links: []talos.FurtherLink{{
			MAC:          net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 3},
			LinkSettings: talos.LinkSettings{Addresses: []netip.Prefix{netip.MustParsePrefix("10.30.0.11/24")}},
			VLANs:        []talos.VLAN{{ID: 30}},
		}},
	}
	n.Volumes = talos.Volumes{Ephemeral: "100GiB", Raw: []talos.RawVolume{{Name: "linstor", Size: "500GiB"}}}
}

// testPassword is no password of anything.
const testPassword = "horse-battery-staple"

func TestGenerateWritesGoldenConfigs(t *testing.T) {
	secrets := testSecrets(t)

	for name, change := range map[string]func(*talos.Cluster, *talos.Node){
		"controlplane": func(_ *talos.Cluster, _ *talos.Node) {},
		"worker":       func(_ *talos.Cluster, n *talos.Node) { n.Role = talos.Worker },
		"wide":         func(c *talos.Cluster, n *talos.Node) { wide(t, c, n) },
		"airgap":       func(c *talos.Cluster, _ *talos.Node) { airGap(c) },
	} {
		for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
			minor := version[1 : len(version)-2]
			t.Run(name+"-"+minor, func(t *testing.T) {
				cluster, node := testCluster(), testNode(talos.ControlPlane)
				cluster.TalosVersion = version
				change(&cluster, &node)
				requireGolden(t, name+"-"+minor, cluster, secrets, node)
			})
		}
	}

	t.Run("minimal-1.13", func(t *testing.T) {
		cluster, node := testCluster(), testNode(talos.ControlPlane)
		cluster = talos.Cluster{
			Name: cluster.Name, Endpoint: cluster.Endpoint, TalosVersion: cluster.TalosVersion,
			KubernetesVersion: cluster.KubernetesVersion, NodeSubnet: cluster.NodeSubnet, InstallImage: cluster.InstallImage,
		}
		node.MAC = nil
		node.Disk = talos.DiskSelector{Transport: "nvme"}
		requireGolden(t, "minimal-1.13", cluster, secrets, node)
	})
}

func requireGolden(t *testing.T, name string, cluster talos.Cluster, secrets *talos.Secrets, node talos.Node) {
	t.Helper()

	got, err := talos.Generate(cluster, secrets, node)
	require.NoError(t, err)

	golden := filepath.Join("testdata", name+".golden.yaml")
	if *update {
		require.NoError(t, os.WriteFile(golden, got, 0o600))
	}

	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	again, err := talos.Generate(cluster, secrets, node)
	require.NoError(t, err)
	require.Equal(t, string(got), string(again), "two runs must give the same bytes")
}
