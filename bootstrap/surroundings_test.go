// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// surrounded is the loopback site beside the files it names.
func surrounded(t *testing.T, more string, files map[string]string) *site.Site {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	path := filepath.Join(dir, "site.yaml")
	require.NoError(t, os.WriteFile(path, []byte(loopbackSite+more), 0o600))
	s, err := site.Load(path)
	require.NoError(t, err)
	return s
}

const registriesAndProxy = `
registries:
  ca: ca.pem
  auth: {registry.example.org: {username: puller, passwordFile: pull}, b.example.org: {username: b, passwordFile: b}}
proxy: {https: "http://proxy.example.org:3128", noProxy: [.example.org], credentialsFile: proxy}
`

func authority(t *testing.T) string {
	t.Helper()
	roots, err := os.ReadFile("../talos/testdata/authority.pem")
	require.NoError(t, err)
	return string(roots)
}

func TestPasswordsAndCertificatesComeFromFiles(t *testing.T) {
	s := surrounded(t, registriesAndProxy, map[string]string{"ca.pem": authority(t), "pull": "hush-pull\n", "b": "hush-b", "proxy": "me:hush-proxy\r\n"})
	var c talos.Cluster
	require.NoError(t, addSurroundings(s, &c))
	require.Equal(t, map[string]talos.RegistryAuth{
		"registry.example.org": {Username: "puller", Password: "hush-pull"}, "b.example.org": {Username: "b", Password: "hush-b"},
	}, c.Registries.Auth)
	require.Equal(t, authority(t), c.Registries.TrustedRoots)
	require.Equal(t, &talos.HTTPProxy{
		HTTPS: &url.URL{Scheme: "http", Host: "proxy.example.org:3128"}, Login: "me:hush-proxy",
		Except: []string{"10.244.0.0/16", "100.64.0.0/16", ".example.org"},
	}, c.Proxy)

	b := withSecrets(t, s)
	configs, err := b.machineConfigs(s.Nodes, map[string]string{"cp1": "v1.11.6"})
	require.NoError(t, err)
	require.Contains(t, string(configs[0]), "\n        config:\n", "Talos 1.11 has logins in the main document")
	require.Contains(t, string(configs[1]), "kind: RegistryAuthConfig")
	for _, config := range configs {
		for _, want := range []string{"hush-pull", "hush-b", "me:hush-proxy@proxy", "TrustedRootsConfig", "10.244.0.0/16"} {
			require.Contains(t, string(config), want)
		}
	}
}

func TestFilesThatCannotBeUsedAreAllNamed(t *testing.T) {
	s := surrounded(t, registriesAndProxy, map[string]string{"ca.pem": "hush", "b": " \n", "proxy": "hush"})
	err := addSurroundings(s, &talos.Cluster{})
	for _, want := range []string{
		`registries.auth["registry.example.org"].passwordFile: ` + s.File("pull") + ": no such file or directory",
		`registries.auth["b.example.org"].passwordFile: ` + s.File("b") + ": empty",
		"registries.ca: " + s.File("ca.pem") + ": no certificate in PEM form",
		"proxy.credentialsFile: " + s.File("proxy") + `: not "user:password"`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hush")
	var file *SiteFileError
	require.ErrorAs(t, err, &file)
	require.NotEmpty(t, file.Hint())

	s = surrounded(t, "registries: {ca: ca.pem}\n", map[string]string{"ca.pem": strings.Repeat("x", maxSiteFile+1)})
	require.ErrorContains(t, addSurroundings(s, &talos.Cluster{}), "larger than 1 MiB")
}

func TestAPatchIsNamedByItsPlaceInTheSiteFile(t *testing.T) {
	s := parseSite(t, "disk: {serial: D4}", "disk: {serial: D4}, patches: [{machine: {sysctls: {a: b}}}, {machine: {sysctlz: {a: b}}}]")
	_, err := withSecrets(t, s).machineConfigs(s.Nodes, nil)
	require.ErrorContains(t, err, "nodes[3].patches[1] (for node w1): ")

	s = parseSite(t, "talos: {", "talos: {rolePatches: {controlplane: [{apiVersion: v1alpha1, kind: BlackholeRouteConfig, name: 10.9.0.0/16}]}, ")
	b := withSecrets(t, s)
	_, err = b.machineConfigs(s.Nodes, nil)
	require.NoError(t, err)
	_, err = b.machineConfigs(s.Nodes, map[string]string{"cp2": "v1.12.6"})
	require.ErrorContains(t, err, "talos.rolePatches.controlplane[0] (for node cp2): Talos v1.12.6 does not know BlackholeRouteConfig (since v1.13)")
	require.NotContains(t, err.Error(), "cp1")
}

func TestANodesNetworkIsOneOfTalos(t *testing.T) {
	s := parseSite(t, "disk: {serial: D4}", `disk: {serial: D4}, volumes: {ephemeral: 100GiB, raw: [{name: linstor, size: 500GiB}]}, network: {
		bond: {members: ["52:54:00:00:00:0a", "52:54:00:00:00:0b"], mode: active-backup, xmitHashPolicy: layer2}, vlan: 5, mtu: 9000,
		addresses: [10.9.0.2/24], routes: [{network: 10.8.0.0/16, gateway: 10.9.0.1, metric: 7}],
		vlans: [{id: 6, mtu: 1500, addresses: [10.6.0.2/24]}],
		links: [{mac: "52:54:00:00:00:0c", mtu: 1400, addresses: [10.7.0.2/24], vlans: [{id: 8}]}]}`)
	got, err := talosNode(s, s.Nodes[3])
	require.NoError(t, err)
	prefixes := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	require.Equal(t, talos.Network{
		Bond: &talos.Bond{Members: []net.HardwareAddr{{0x52, 0x54, 0, 0, 0, 0xa}, {0x52, 0x54, 0, 0, 0, 0xb}}, Mode: "active-backup", TransmitHash: "layer2"},
		VLAN: 5,
		LinkSettings: talos.LinkSettings{MTU: 9000, Addresses: prefixes("10.9.0.2/24"), Routes: []talos.Route{{
			Destination: netip.MustParsePrefix("10.8.0.0/16"), Gateway: netip.MustParseAddr("10.9.0.1"), Metric: 7,
		}}},
		VLANs: []talos.VLAN{{ID: 6, LinkSettings: talos.LinkSettings{MTU: 1500, Addresses: prefixes("10.6.0.2/24")}}},
		Links: []talos.FurtherLink{{
			MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 0xc}, LinkSettings: talos.LinkSettings{MTU: 1400, Addresses: prefixes("10.7.0.2/24")},
			VLANs: []talos.VLAN{{ID: 8}},
		}},
	}, got.Network)
	require.Equal(t, talos.Volumes{Ephemeral: "100GiB", Raw: []talos.RawVolume{{Name: "linstor", Size: "500GiB"}}}, got.Volumes)
}
