// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
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
		"both":                    {site.Node{MAC: "52:54:00:00:00:0a", MACs: []string{"52:54:00:00:00:0b"}}, true},
		"a further one missing":   {site.Node{MAC: "52:54:00:00:00:0a", MACs: []string{"52:54:00:00:00:0b", "52:54:00:00:00:0d"}}, false},
		"only the further one":    {site.Node{MAC: "52:54:00:00:00:0c", MACs: []string{"52:54:00:00:00:0b"}}, false},
		"its serial":              {site.Node{Serial: "s-1"}, true},
		"another serial":          {site.Node{Serial: "S-2"}, false},
		"its uuid":                {site.Node{UUID: "4C4C4544-0051-3010-8056-B9C04F4A3733"}, true},
		"another uuid":            {site.Node{UUID: "4c4c4544-0051-3010-8056-b9c04f4a3734"}, false},
		"its mac, not its uuid":   {site.Node{MAC: "52:54:00:00:00:0a", UUID: "x"}, false},
		"its serial, not its mac": {site.Node{Serial: "S-1", MAC: "52:54:00:00:00:0c"}, false},
		"all three":               {site.Node{Serial: "S-1", MAC: "52:54:00:00:00:0a", UUID: machine.UUID}, true},
	} {
		err := isNode(test.node, machine)
		require.Equal(t, test.want, err == nil, "%s: %v", name, err)
	}
	require.Error(t, isNode(site.Node{Serial: "S-1"}, talos.Inventory{}), "a machine that withholds its serial is nobody")
	require.Error(t, isNode(site.Node{MAC: "52:54:00:00:00:0a"}, talos.Inventory{}))
	err := isNode(site.Node{Name: "cp1", MAC: "52:54:00:00:00:0a", MACs: []string{"52:54:00:00:00:0c"}}, machine)
	require.EqualError(t, err,
		"the machine is not cp1: mac 52:54:00:00:00:0c is not among its own (52:54:00:00:00:0a, 52:54:00:00:00:0b)")
}
