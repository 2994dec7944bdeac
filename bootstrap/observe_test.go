// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

func TestANodeIsWhoEverythingInTheSiteFileSays(t *testing.T) {
	machine := talos.Inventory{
		UUID: "4c4c4544-0051-3010-8056-b9c04f4a3733", Serial: "S-1",
		Links: []talos.Link{
			{Name: "eth0", MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 0x0a}},
			{Name: "eth1", MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 0x0b}},
		},
	}
	for name, test := range map[string]struct {
		node site.Node
		want bool
	}{
		"its mac":                 {site.Node{MAC: "52:54:00:00:00:0a"}, true},
		"the mac of its 2nd":      {site.Node{MAC: "52:54:00:00:00:0B"}, true},
		"another mac":             {site.Node{MAC: "52:54:00:00:00:0c"}, false},
		"its serial":              {site.Node{Serial: "s-1"}, true},
		"another serial":          {site.Node{Serial: "S-2"}, false},
		"its uuid":                {site.Node{UUID: "4C4C4544-0051-3010-8056-B9C04F4A3733"}, true},
		"another uuid":            {site.Node{UUID: "4c4c4544-0051-3010-8056-b9c04f4a3734"}, false},
		"its mac, not its uuid":   {site.Node{MAC: "52:54:00:00:00:0a", UUID: "x"}, false},
		"its serial, not its mac": {site.Node{Serial: "S-1", MAC: "52:54:00:00:00:0c"}, false},
		"all three":               {site.Node{Serial: "S-1", MAC: "52:54:00:00:00:0a", UUID: machine.UUID}, true},
	} {
		require.Equal(t, test.want, isNode(test.node, machine), name)
	}
	require.False(t, isNode(site.Node{Serial: "S-1"}, talos.Inventory{}), "a machine that withholds its serial is nobody")
	require.False(t, isNode(site.Node{MAC: "52:54:00:00:00:0a"}, talos.Inventory{}))
}

func TestCandidatesAreTheOwnAddressAndWhereAScanFoundIt(t *testing.T) {
	b := withoutSecrets(t, parseSite(t, "", ""))
	node := b.site.Nodes[1]
	own := netip.MustParseAddrPort("127.211.7.3:50000")
	require.Equal(t, []netip.AddrPort{own}, b.candidates(node))

	b.finder.put("cp2", node.Address)
	require.Equal(t, []netip.AddrPort{own}, b.candidates(node), "each address once")

	b.finder.put("cp2", netip.MustParseAddr("127.211.7.12"))
	b.finder.put("cp1", netip.MustParseAddr("127.211.7.13"))
	require.Equal(t, []netip.AddrPort{own, netip.MustParseAddrPort("127.211.7.12:50000")}, b.candidates(node))
}

// The credentials are made at the first look, which is at several nodes at once: run it with -race.
func TestNodesAreLookedAtSideBySide(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	seen, err := b.observe(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, seen, 4)
	for name, sight := range seen {
		require.Equal(t, talos.Unreachable, sight.state, name)
	}
}

func TestNodesThatAreOffAreNamed(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	err := b.assertAll(t.Context(), "have not appeared", talos.Ours)
	require.EqualError(t, err, "nodes that have not appeared: cp1, cp2, cp3, w1")
	done, err := b.allOurs(t.Context())
	require.NoError(t, err)
	require.False(t, done)
	require.True(t, b.finder.due(), "nobody scanned the network to find out whether all is done, as plan does")
}
