// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestGenerateRefusesNetworksNoNodeCanHave(t *testing.T) {
	mac := net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}

	for name, test := range map[string]struct {
		change func(*talos.Cluster, *talos.Node)
		want   string
	}{
		"bond without members": {func(_ *talos.Cluster, n *talos.Node) { n.Network.Bond = &talos.Bond{Mode: "802.3ad"} }, "bond: must have members"},
		"unknown mode": {func(_ *talos.Cluster, n *talos.Node) {
			n.Network.Bond = &talos.Bond{Members: []net.HardwareAddr{mac}, Mode: "lacp"}
		}, "lacp"},
		"unknown hash": {func(_ *talos.Cluster, n *talos.Node) {
			n.Network.Bond = &talos.Bond{Members: []net.HardwareAddr{mac}, Mode: "802.3ad", TransmitHash: "layer9"}
		}, "layer9"},
		"link twice": {func(_ *talos.Cluster, n *talos.Node) {
			n.Network.Links = []talos.FurtherLink{{MAC: n.MAC}}
		}, "MAC 52:54:00:77:00:01: is used for two links"},
		"links without a first one": {func(_ *talos.Cluster, n *talos.Node) {
			n.MAC, n.Network.Links = nil, []talos.FurtherLink{{MAC: mac}}
		}, "MAC: must be set where the node has further links"},
		"VLAN twice": {func(_ *talos.Cluster, n *talos.Node) {
			n.Network.VLAN, n.Network.VLANs = 7, []talos.VLAN{{ID: 7}}
		}, "VLAN 7 on net0: must be 1 to 4094, and there once"},
		"VLAN too large": {func(_ *talos.Cluster, n *talos.Node) { n.Network.VLANs = []talos.VLAN{{ID: 4095}} }, "VLAN 4095 on net0"},
		"no MAC for the running version": {func(_ *talos.Cluster, n *talos.Node) {
			n.MAC, n.Running = nil, "v1.12.6"
		}, "MAC: must be set for Talos v1.12"},
		"key among the roots": {func(c *talos.Cluster, _ *talos.Node) {
			c.Registries.TrustedRoots = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}, "trusted roots: a private key: must be certificates only"},
		"roots are no PEM": {func(c *talos.Cluster, _ *talos.Node) { c.Registries.TrustedRoots = "x" }, "trusted roots: no certificate in PEM form"},
		"size of a volume": {func(_ *talos.Cluster, n *talos.Node) { n.Volumes.Ephemeral = "half" }, `volume EPHEMERAL: size "half"`},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, node := testCluster(), testNode(talos.ControlPlane)
			test.change(&cluster, &node)
			_, err := talos.Generate(cluster, testSecrets(t), node)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestABondNeedsNoMACOfTheNode(t *testing.T) {
	cluster, node := testCluster(), testNode(talos.Worker)
	wide(t, &cluster, &node)
	cluster.TalosVersion, node.MAC = "v1.11.6", nil
	_, err := talos.Generate(cluster, testSecrets(t), node)
	require.NoError(t, err)
}

func TestTheProxyIsNotForTheClusterItself(t *testing.T) {
	cluster := testCluster()
	cluster.Proxy = &talos.HTTPProxy{HTTPS: &url.URL{Scheme: "http", Host: "proxy.example.org:3128"}, Login: "u:p@ss/word", Except: []string{"10.9.0.0/16"}}
	variables := generated(t, cluster, testNode(talos.Worker)).Environment().Variables()
	require.Equal(t, map[string]string{
		"https_proxy": "http://u:p%40ss%2Fword@proxy.example.org:3128",
		"no_proxy":    "localhost,127.0.0.0/8,10.77.0.10,10.77.0.0/24,10.244.0.0/16,10.96.0.0/16,.svc,.cozy.local,10.9.0.0/16",
	}, variables)
}

func TestPasswordsAreHidden(t *testing.T) {
	cluster, node := testCluster(), testNode(talos.ControlPlane)
	wide(t, &cluster, &node)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		requireNoSecrets(t, fmt.Sprintf(verb+verb, cluster.Registries, *cluster.Proxy), []string{testPassword, hex.EncodeToString([]byte(testPassword))})
	}

	data, err := json.Marshal([]any{cluster.Registries, cluster.Proxy})
	require.NoError(t, err)
	requireNoSecrets(t, string(data), []string{testPassword})

	// A patch that spoils the config makes Talos speak of it.
	for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
		cluster.TalosVersion = version
		for _, patch := range []tree{
			{"machine": tree{"type": "unknown"}},
			{"machine": tree{"registries": tree{"config": tree{"x": tree{"auth": "y"}}}}},
			{"apiVersion": "v1alpha1", "kind": "RegistryAuthConfig", "name": "mirror.example.org", "auth": "z"},
			{"apiVersion": "v1alpha1", "kind": "EnvironmentConfig", "variables": tree{"1 2": "3"}},
		} {
			node.Patches = patches("nodes[0]", patch)
			if _, err := talos.Generate(cluster, testSecrets(t), node); err != nil {
				requireNoSecrets(t, err.Error(), []string{testPassword})
			}
		}
	}
}

func TestRootsAreCertificates(t *testing.T) {
	roots, err := os.ReadFile("testdata/authority.pem")
	require.NoError(t, err)
	require.NoError(t, talos.CheckRoots(string(roots)+"\n"+string(roots)))
	require.Error(t, talos.CheckRoots(""))
}
