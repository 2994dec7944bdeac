// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

// testSecrets were made once for these tests; no machine has ever used them.
func testSecrets(t testing.TB) *talos.Secrets {
	t.Helper()

	data, err := os.ReadFile("testdata/secrets-test-only.yaml")
	require.NoError(t, err)

	secrets, err := talos.ParseSecrets(data)
	require.NoError(t, err)

	return secrets
}

func testCluster() talos.Cluster {
	return talos.Cluster{
		Name:              "lab",
		Endpoint:          &url.URL{Scheme: "https", Host: "10.77.0.10:6443"},
		TalosVersion:      "v1.13.9",
		KubernetesVersion: "v1.34.4",
		NodeSubnet:        netip.MustParsePrefix("10.77.0.0/24"),
		PodSubnets:        []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		ServiceSubnets:    []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
		DNSDomain:         "cozy.local",
		VIP:               netip.MustParseAddr("10.77.0.10"),
		Gateway:           netip.MustParseAddr("10.77.0.1"),
		DNSServers:        []netip.Addr{netip.MustParseAddr("10.77.0.1")},
		NTPServers:        []string{"ntp.example.org"},
		InstallImage:      "factory.example.org/metal-installer/abc:v1.13.9",
		Registries: talos.Registries{
			Mirrors: map[string][]string{"docker.io": {"https://mirror.example.org"}, "ghcr.io": {"http://10.77.0.2:5000"}},
		},
		SANs: []string{"api.example.org", "10.77.0.10"},
		Requirements: talos.Requirements{
			KernelModules:      []talos.KernelModule{{Name: "drbd", Parameters: []string{"usermode_helper=disabled"}}, {Name: "openvswitch"}},
			Sysctls:            map[string]string{"net.ipv4.neigh.default.gc_thresh3": "16384", "net.ipv4.tcp_fin_timeout": "30"},
			Files:              []talos.File{{Path: "/etc/cri/conf.d/20-customization.part", Content: "[plugins]\n"}},
			KernelArgs:         []string{"talos.dashboard.disabled=1"},
			KubeletExtraConfig: map[string]any{"maxPods": float64(512), "cpuManagerPolicy": "static"},
			DisableKubeProxy:   true,
			CNI:                "none",
		},
		AllowSchedulingOnControlPlanes: true,
	}
}

func testNode(role talos.Role) talos.Node {
	return talos.Node{
		Name:    "node1",
		Role:    role,
		Address: netip.MustParsePrefix("10.77.0.11/24"),
		MAC:     net.HardwareAddr{0x52, 0x54, 0x00, 0x77, 0x00, 0x01},
		Disk:    talos.DiskSelector{Serial: "LAB-0001", Size: ">= 100GB"},
	}
}

func TestGenerateGivesTheSameBytesConcurrently(t *testing.T) {
	cluster, secrets := testCluster(), testSecrets(t)
	cluster.Patches = []talos.Patch{{Body: tree{"machine": tree{"kubelet": tree{"extraConfig": tree{"maxPods": 250}}}}}}

	want, err := talos.Generate(cluster, secrets, testNode(talos.ControlPlane))
	require.NoError(t, err)
	require.Contains(t, string(want), "maxPods: 250")

	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			got, err := talos.Generate(cluster, secrets, testNode(talos.ControlPlane))
			if err != nil || !bytes.Equal(want, got) {
				t.Errorf("got another config, or error %v", err)
			}
		})
	}

	running.Wait()
	require.Equal(t, testCluster().Requirements, cluster.Requirements, "a patch changed the bundle")
}

func TestGenerateAllKeepsTheOrderAndReportsEveryNode(t *testing.T) {
	cluster, secrets := testCluster(), testSecrets(t)
	first, second := testNode(talos.ControlPlane), testNode(talos.Worker)
	second.Name = "node2"

	got, err := talos.GenerateAll(cluster, secrets, []talos.Node{first, second})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Contains(t, string(got[0]), "hostname: node1")
	require.Contains(t, string(got[1]), "hostname: node2")

	first.Role, second.Disk = "", talos.DiskSelector{}
	_, err = talos.GenerateAll(cluster, secrets, []talos.Node{first, second})
	require.ErrorContains(t, err, `machine config of node "node1": role`)
	require.ErrorContains(t, err, `machine config of node "node2": disk`)
}

func generated(t *testing.T, cluster talos.Cluster, node talos.Node) config.Provider {
	t.Helper()

	data, err := talos.Generate(cluster, testSecrets(t), node)
	require.NoError(t, err)

	provider, err := configloader.NewFromBytes(data)
	require.NoError(t, err)

	return provider
}

func TestGenerateFollowsTheBundle(t *testing.T) {
	provider := generated(t, testCluster(), testNode(talos.ControlPlane))

	require.Equal(t, "none", provider.Cluster().Network().CNI().Name())
	require.False(t, provider.Cluster().Proxy().Enabled())
	require.Equal(t, 512, provider.Machine().Kubelet().ExtraConfig()["maxPods"])
	require.Equal(t, "drbd", provider.Machine().Kernel().Modules()[0].Name())
	require.Equal(t, "16384", provider.Machine().Sysctls()["net.ipv4.neigh.default.gc_thresh3"])
	require.Empty(t, provider.Machine().Install().ExtraKernelArgs(), "kernel arguments belong into the schematic")
	require.False(t, provider.Cluster().Discovery().Enabled())
}

func TestGenerateMakesCertificatesForAllWaysToTheAPI(t *testing.T) {
	cluster := testCluster()
	cluster.Endpoint = &url.URL{Scheme: "https", Host: "lab.example.org:6443"}
	provider := generated(t, cluster, testNode(talos.ControlPlane))

	want := []string{"lab.example.org", "10.77.0.10", "api.example.org", "10.77.0.11"}
	require.Equal(t, want, provider.Cluster().CertSANs())
	require.Equal(t, want, provider.Machine().Security().CertSANs())
}

func TestWorkersGetNoKeysOfAuthorities(t *testing.T) {
	provider := generated(t, testCluster(), testNode(talos.Worker))

	require.Empty(t, provider.Machine().Security().IssuingCA().Key)
	require.Empty(t, provider.Cluster().IssuingCA().Key)
	require.Empty(t, provider.NetworkVirtualIPConfigs(), "a VIP is for control planes only")
}

func TestControlPlanesReceiveTrafficOnlyWhenTheyRunWorkloads(t *testing.T) {
	const label = "node.kubernetes.io/exclude-from-external-load-balancers"

	cluster := testCluster()
	require.NotContains(t, generated(t, cluster, testNode(talos.ControlPlane)).Machine().NodeLabels(), label)

	cluster.AllowSchedulingOnControlPlanes = false
	require.Contains(t, generated(t, cluster, testNode(talos.ControlPlane)).Machine().NodeLabels(), label)
}
