// SPDX-License-Identifier: Apache-2.0

package world

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

func TestASiteOnLoopbackIsTheSameAtOtherAddresses(t *testing.T) {
	original, err := site.Load(labSite)
	require.NoError(t, err)
	text, err := os.ReadFile(labSite)
	require.NoError(t, err)
	copied, err := onLoopback(text, original, plotOf(7))
	require.NoError(t, err)
	require.NotContains(t, string(copied), "10.77.0.")
	got, err := site.Parse("site.yaml", copied)
	require.NoError(t, err)

	require.Equal(t, "127.77.7.0/24", got.Network.NodeSubnet.String())
	require.Equal(t, "https://127.77.7.10:6443", got.Network.Endpoint)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("127.77.7.1")}, got.Network.DNSServers)
	require.Equal(t, "http://127.77.7.1:21074", got.Talos.Factory)
	require.Equal(t, "lo", got.Netboot.Interface)
	require.Equal(t, original.Network.LoadBalancer, got.Network.LoadBalancer, "not of the node network")
	require.Equal(t, original.Unused(), got.Unused(), "nothing is said that was not said")
	for i, node := range got.Nodes {
		want := original.Nodes[i]
		require.Equal(t, netip.AddrFrom4([4]byte{127, 77, 7, want.Address.As4()[3]}), node.Address)
		node.Address = want.Address
		require.Equal(t, want, node)
	}
}

func TestASiteThatHasNoPlaceOnLoopbackIsRefused(t *testing.T) {
	text, err := os.ReadFile(labSite)
	require.NoError(t, err)
	for want, change := range map[string]func(*site.Site){
		"room for a /24":                   func(s *site.Site) { s.Network.NodeSubnet = netip.MustParsePrefix("10.0.0.0/8") },
		"no machines":                      func(s *site.Site) { s.Talos = nil },
		"the simulated one is at http://1": func(s *site.Site) { s.Talos.Factory = "https://factory.talos.dev" },
	} {
		s, err := site.Load(labSite)
		require.NoError(t, err)
		change(s)
		_, err = onLoopback(text, s, plotOf(0))
		require.ErrorContains(t, err, want)
	}
}

// placeOn puts the lab's site on one of some places, which are beyond those that worlds take.
func placeOn(t *testing.T, places ...plot) (*surroundings, error) {
	t.Helper()
	s, err := site.Load(labSite)
	require.NoError(t, err)
	made, err := throughRelay(t.Context(), Config{Dir: t.TempDir(), SiteFile: labSite}, s, places)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, made.close()) })
	}
	return made, err
}

func TestWorldsOnLoopbackStandBesideEachOther(t *testing.T) {
	places := []plot{plotOf(200), plotOf(201)}
	first, err := placeOn(t, places...)
	require.NoError(t, err)
	second, err := placeOn(t, places...)
	require.NoError(t, err)
	require.Equal(t, "127.77.200.0/24", first.site.Network.NodeSubnet.String())
	require.Equal(t, "127.77.201.0/24", second.site.Network.NodeSubnet.String())
	require.Equal(t, []string{"--netboot-ports", "dhcp=23010,proxy=23011,tftp=23012,http=23013"}, second.upArgs)
	read, err := site.Load(second.siteFile)
	require.NoError(t, err)
	require.Equal(t, second.site.Nodes, read.Nodes)

	_, err = placeOn(t, places...)
	require.ErrorContains(t, err, "none of 2 places on loopback is free")
	require.NoError(t, first.close())
	_, err = placeOn(t, places...)
	require.NoError(t, err, "the place was given back")
}

func TestAPlaceWhosePortsAreInUseIsNotTaken(t *testing.T) {
	for _, at := range []string{"127.0.0.1:23020", "127.0.0.1:23023", "127.77.202.10:6443", "127.77.202.13:50000"} {
		var taken interface{ Close() error }
		var err error
		if at == "127.0.0.1:23020" {
			taken, err = net.ListenPacket("udp4", at)
		} else {
			taken, err = net.Listen("tcp4", at)
		}
		require.NoError(t, err)
		_, err = placeOn(t, plotOf(202))
		require.ErrorContains(t, err, at+": bind: address already in use")
		require.NoError(t, taken.Close())
	}
	_, err := placeOn(t, plotOf(202))
	require.NoError(t, err)
}

func TestTheNetworkIsTheBestThatTheHostAllows(t *testing.T) {
	want := Namespaces
	if made, err := lan.NewNetns(t.Context(), lan.NetnsConfig{}); err != nil {
		want = Relayed
	} else {
		require.NoError(t, made.Close())
	}
	made, err := surround(t.Context(), Config{Dir: t.TempDir(), SiteFile: labSite, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.close()) })
	require.Equal(t, want, made.kind)
}

func TestAnUnknownKindOfNetworkIsRefused(t *testing.T) {
	_, err := Start(t.Context(), Config{Dir: t.TempDir(), SiteFile: labSite, Network: "token ring"})
	require.ErrorContains(t, err, `network "token ring": not namespaces, relay or empty`)
}
