// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/talos"
)

func TestAFactoryWithoutTLSIsARegistryMirrorToo(t *testing.T) {
	own := map[string][]string{"docker.io": {"https://mirror.example.org"}}
	for name, test := range map[string]struct {
		factory string
		mirrors map[string][]string
		want    map[string][]string
	}{
		"with TLS":             {"https://factory.example.org", nil, nil},
		"with TLS, beside":     {"https://factory.example.org", own, own},
		"without":              {"http://10.0.0.1:8080", nil, map[string][]string{"10.0.0.1:8080": {"http://10.0.0.1:8080"}}},
		"without, beside":      {"http://10.0.0.1:8080", own, map[string][]string{"docker.io": own["docker.io"], "10.0.0.1:8080": {"http://10.0.0.1:8080"}}},
		"the site file's wins": {"http://a:1", map[string][]string{"a:1": {"http://b:2"}}, map[string][]string{"a:1": {"http://b:2"}}},
	} {
		s := &site.Site{Talos: &site.Talos{Factory: test.factory}}
		s.Registries.Mirrors = test.mirrors
		require.Equal(t, test.want, mirrors(s), name)
	}
	require.Len(t, own, 1, "the site itself is left as it is")
}

func TestTheEndpointIsTheVIPUnlessTheSiteNamesAnother(t *testing.T) {
	s := parseSite(t, "", "")
	got, err := endpoint(s)
	require.NoError(t, err)
	require.Equal(t, "https://127.211.7.10:6443", got.String())
	s.Network.Endpoint = "https://api.example.org:7443"
	got, err = endpoint(s)
	require.NoError(t, err)
	require.Equal(t, "api.example.org:7443", got.Host)
	s.Network.Endpoint, s.Network.VIP = "", netip.MustParseAddr("fd00::10")
	got, err = endpoint(s)
	require.NoError(t, err)
	require.Equal(t, "https://[fd00::10]:6443", got.String())
}

func TestANodeOfTheSiteIsANodeOfTalos(t *testing.T) {
	s := parseSite(t, "disk: {serial: D4}", "disk: {model: \"SSD*\", size: \">= 100GB\", transport: nvme}, patches: [{machine: {}}]")
	got, err := talosNode(s, s.Nodes[3])
	require.NoError(t, err)
	require.Equal(t, talos.Node{
		Name: "w1", Role: "worker", Address: netip.MustParsePrefix("127.211.7.5/28"), MAC: nil,
		Disk:    talos.DiskSelector{Model: "SSD*", Size: ">= 100GB", Transport: "nvme"},
		Patches: []talos.Patch{{Place: "nodes[3].patches[0]", Body: map[string]any{"machine": map[string]any{}}}},
	}, got)

	_, err = talosNode(s, site.Node{Name: "x", MAC: "zz"})
	require.ErrorContains(t, err, `node x: mac "zz"`)
}

func TestNetbootKnowsMachinesByAllTheirIdentifiers(t *testing.T) {
	got, err := pxeMachines(parseSite(t, "", "").Nodes)
	require.NoError(t, err)
	require.Len(t, got, 4)
	require.Equal(t, pxe.Machine{Name: "cp1", Arch: "amd64", Address: netip.MustParseAddr("127.211.7.2"), MACs: []net.HardwareAddr{{0x52, 0x54, 0, 0, 0, 1}}}, got[0])
	require.Equal(t, pxe.Machine{Name: "w1", Arch: "amd64", Address: netip.MustParseAddr("127.211.7.5"), Serial: "S4"}, got[3])
}

func TestWorkersAreNoEndpointsOfTalos(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	configs, err := b.machineConfigs(b.site.Nodes, nil)
	require.NoError(t, err)
	require.Contains(t, string(configs[0]), "type: controlplane")
	require.Contains(t, string(configs[3]), "type: worker")
	config, err := b.talosconfig()
	require.NoError(t, err)
	require.Contains(t, string(config), "127.211.7.2")
	require.NotContains(t, string(config), "127.211.7.5")
	cluster, err := b.talosCluster()
	require.NoError(t, err)
	require.Equal(t, []string{"127.211.7.10", "127.211.7.2", "127.211.7.3", "127.211.7.4"}, cluster.SANs)
}

func TestNetbootThatIsOffServesNothing(t *testing.T) {
	off := parseSite(t, "mode: proxy", "mode: off") // its factory does not answer
	var mode *NetbootModeError
	require.ErrorAs(t, ServeNetboot(t.Context(), Options{Site: off, WorkDir: t.TempDir()}, func(string) {}), &mode)
	require.Equal(t, "off", mode.Mode)
}
