// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"strings"
	"testing"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/talos"
)

func wideConfig(t *testing.T, version string, change func(*talos.Cluster, *talos.Node)) []byte {
	t.Helper()

	cluster, node := testCluster(), testNode(talos.ControlPlane)
	cluster.TalosVersion = version
	wide(t, &cluster, &node)
	change(&cluster, &node)

	data, err := talos.Generate(cluster, testSecrets(t), node)
	require.NoError(t, err)

	return data
}

// material is what a diff may not show.
func material(t *testing.T) []string {
	t.Helper()

	cluster := testCluster()
	talosconfig, err := talos.Talosconfig(cluster, testSecrets(t), []string{"10.77.0.11"})
	require.NoError(t, err)

	return keyMaterial(t, testSecrets(t), talosconfig)
}

func ours(t *testing.T, node *fakeNode) *talos.Client {
	t.Helper()

	secrets := testSecrets(t)
	client, err := talos.Dial(t.Context(), node.serve(t, clusterTLS(t, secrets)), testCredentials(t, secrets))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	return client
}

func TestDiffShowsWhatDiffersAndNoSecret(t *testing.T) {
	nothing := func(*talos.Cluster, *talos.Node) {}
	secret := append(material(t), testPassword, "another-password")

	for name, test := range map[string]struct {
		change     func(*talos.Cluster, *talos.Node)
		want, none []string
	}{
		"nothing": {nothing, nil, nil},
		"a sysctl": {func(c *talos.Cluster, _ *talos.Node) {
			c.Requirements.Sysctls = map[string]string{"net.ipv4.tcp_fin_timeout": "60"}
		}, []string{"--- running\n+++ wanted\n@@ ", "-        net.ipv4.tcp_fin_timeout: \"30\"\n+        net.ipv4.tcp_fin_timeout: \"60\"\n"}, []string{"# the secret"}},
		"a password": {func(c *talos.Cluster, _ *talos.Node) {
			c.Registries.Auth["mirror.example.org"] = talos.RegistryAuth{Username: "puller", Password: "another-password"}
		}, []string{"mirror.example.org", " differs\n"}, []string{"@@"}},
		"a proxy's password": {func(c *talos.Cluster, _ *talos.Node) { c.Proxy.Login = "browser:another-password" }, []string{
			"http_proxy differs\n", "https_proxy differs\n",
		}, []string{"@@"}},
		"a node label beside": {func(_ *talos.Cluster, n *talos.Node) {
			n.Patches = patches("nodes[0]", tree{"machine": tree{"nodeLabels": tree{"a": "b"}, "token": "abcdef.0123456789abcdef"}})
		}, []string{"+    nodeLabels:\n", "# the secret at machine.token differs\n"}, nil},
	} {
		for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
			t.Run(name+" "+version, func(t *testing.T) {
				got, err := talos.Diff(wideConfig(t, version, nothing), wideConfig(t, version, test.change))
				require.NoError(t, err)
				requireNoSecrets(t, got, append(secret, "0123456789abcdef"))
				require.Equal(t, test.want == nil, got == "", got)

				for _, text := range test.want {
					require.Contains(t, got, text)
				}

				for _, text := range test.none {
					require.NotContains(t, got, text)
				}
			})
		}
	}
}

func TestDiffOfFormsShowsNoSecretEither(t *testing.T) {
	nothing := func(*talos.Cluster, *talos.Node) {}
	got, err := talos.Diff(wideConfig(t, "v1.11.6", nothing), wideConfig(t, "v1.13.9", nothing))
	require.NoError(t, err)
	requireNoSecrets(t, got, append(material(t), testPassword))
	require.Contains(t, got, "+kind: RegistryAuthConfig")
	require.Contains(t, got, "password: (redacted)")
	require.Contains(t, got, "http://(redacted)@proxy.example.org")

	_, err = talos.Diff([]byte("machine: {tokn: hush}"), nil)
	require.ErrorContains(t, err, "the running config: ")
}

func TestDiffIgnoresComments(t *testing.T) {
	config := wideConfig(t, "v1.13.9", func(*talos.Cluster, *talos.Node) {})
	got, err := talos.Diff([]byte("# by hand\n"+strings.Replace(string(config), "machine:", "machine: # by hand", 1)), config)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestTheRunningConfigIsRead(t *testing.T) {
	config := wideConfig(t, "v1.13.9", func(*talos.Cluster, *talos.Node) {})
	provider, err := configloader.NewFromBytes(config)
	require.NoError(t, err)

	node := &fakeNode{resources: []resource.Resource{configres.NewMachineConfig(provider)}}
	got, err := ours(t, node).MachineConfig(t.Context())
	require.NoError(t, err)
	require.Equal(t, string(config), string(got))

	node = &fakeNode{denied: map[resource.Type]codes.Code{configres.MachineConfigType: codes.PermissionDenied}}
	_, err = ours(t, node).MachineConfig(t.Context())
	require.ErrorContains(t, err, "read the machine config on ")
}
