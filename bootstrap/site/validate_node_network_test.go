// SPDX-License-Identifier: Apache-2.0

package site

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wide is a site whose node has everything that its network and its disk can have.
var wide = strings.Replace(full, "{serial: D1}", `{serial: D1}
    volumes:
      ephemeral: 100GiB
      raw: [{name: linstor, size: 500GiB}]
    network:
      bond:
        members: ['52:54:00:77:00:01', '52:54:00:77:00:A1']
        mode: 802.3ad
        xmitHashPolicy: layer3+4
        lacpRate: fast
      vlan: 10
      mtu: 9000
      addresses: [198.51.100.11/24]
      routes: [{network: 203.0.113.0/24, gateway: 10.77.0.1}]
      vlans:
        - id: 20
          mtu: 1500
          addresses: [192.0.2.11/24]
          routes: [{network: 10.21.0.0/16, gateway: 192.0.2.1, metric: 50}]
      links:
        - mac: 52:54:00:77:00:A2
          addresses: [172.20.0.11/24]
          vlans: [{id: 30}]`, 1)

func TestNodeNetworkIsRead(t *testing.T) {
	require.Empty(t, problems(t, wide))
	s, err := Parse("site.yaml", []byte(wide))
	require.NoError(t, err)
	require.Equal(t, &NodeNetwork{
		Bond: &Bond{Members: []string{"52:54:00:77:00:01", "52:54:00:77:00:a1"}, Mode: "802.3ad", XmitHashPolicy: "layer3+4", LACPRate: "fast"},
		VLAN: 10, MTU: 9000,
		Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.11/24")},
		Routes:    []Route{{Network: netip.MustParsePrefix("203.0.113.0/24"), Gateway: netip.MustParseAddr("10.77.0.1")}},
		VLANs: []VLAN{{
			ID: 20, MTU: 1500, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")},
			Routes: []Route{{Network: netip.MustParsePrefix("10.21.0.0/16"), Gateway: netip.MustParseAddr("192.0.2.1"), Metric: 50}},
		}},
		Links: []Link{{MAC: "52:54:00:77:00:a2", Addresses: []netip.Prefix{netip.MustParsePrefix("172.20.0.11/24")}, VLANs: []VLAN{{ID: 30}}}},
	}, s.Nodes[0].Network)
	require.Equal(t, &Volumes{Ephemeral: "100GiB", Raw: []RawVolume{{Name: "linstor", Size: "500GiB"}}}, s.Nodes[0].Volumes)
	require.Empty(t, s.Unused())

	text, err := Format(s)
	require.NoError(t, err)
	again, err := Parse("again.yaml", text)
	require.NoError(t, err)
	require.Equal(t, s.Nodes, again.Nodes)
}

func TestNodeNetworkRules(t *testing.T) {
	checkRules(t, wide, map[string]rule{
		"one member":           {", '52:54:00:77:00:A1'", "", []string{"23:9 nodes[0].network.bond.members: 1 of them: a bond joins two links or more"}},
		"member twice":         {"00:A1", "00:01", []string{`23:40 nodes[0].network.bond.members[1]: "52:54:00:77:00:01": listed twice`}},
		"member is no address": {"52:54:00:77:00:A1", "eth1", []string{`23:40 nodes[0].network.bond.members[1]: "eth1": not the hardware address of a machine`}},
		"mode": {"802.3ad", "lacp", []string{
			`24:15 nodes[0].network.bond.mode: "lacp": not one of 802.3ad, active-backup, balance-xor, balance-rr, balance-tlb, balance-alb, broadcast`,
			`26:19 nodes[0].network.bond.lacpRate: "fast": only possible with mode 802.3ad`,
		}},
		"no mode": {"        mode: 802.3ad\n", "", []string{
			"22:7 nodes[0].network.bond.mode: missing",
			`25:19 nodes[0].network.bond.lacpRate: "fast": only possible with mode 802.3ad`,
		}},
		"hash":               {"layer3+4", "layer4", []string{`25:25 nodes[0].network.bond.xmitHashPolicy: "layer4": not one of layer2, layer2+3, layer3+4, encap2+3, encap3+4`}},
		"VLAN 4095":          {"vlan: 10", "vlan: 4095", []string{`27:13 nodes[0].network.vlan: "4095": not the number of a VLAN, 1 to 4094`}},
		"VLAN twice":         {"id: 20", "id: 10", []string{`32:15 nodes[0].network.vlans[0].id: "10": there already on this link`}},
		"VLAN is text":       {"id: 20", "id: twenty", []string{"32:15 nodes[0].network.vlans[0].id: text where a integer belongs"}},
		"no VLAN ID":         {"        - id: 20\n          mtu", "        - mtu", []string{`32:11 nodes[0].network.vlans[0].id: "0": not the number of a VLAN, 1 to 4094`}},
		"small MTU":          {"mtu: 9000", "mtu: 60", []string{`28:12 nodes[0].network.mtu: "60": not a number of bytes from 68 to 65535`, `33:16 nodes[0].network.vlans[0].mtu: "1500": more than the 60 of its link`}},
		"VLAN over MTU":      {"mtu: 1500", "mtu: 9216", []string{`33:16 nodes[0].network.vlans[0].mtu: "9216": more than the 9000 of its link`}},
		"address is network": {"198.51.100.11/24", "198.51.100.0/24", []string{`29:19 nodes[0].network.addresses[0]: "198.51.100.0/24": a network, not an address`}},
		"bare address":       {"198.51.100.11/24", "198.51.100.11", []string{`29:19 nodes[0].network.addresses[0]: "198.51.100.11": not a network`}},
		"address of nodes":   {"198.51.100.11/24", "10.77.0.99/24", []string{`29:19 nodes[0].network.addresses[0]: "10.77.0.99/24": overlaps network.nodeSubnet 10.77.0.0/24`}},
		"address of pods": {"192.0.2.11/24", "10.244.3.4/24", []string{
			`34:23 nodes[0].network.vlans[0].addresses[0]: "10.244.3.4/24": overlaps network.podSubnet 10.244.0.0/16`,
			`35:53 nodes[0].network.vlans[0].routes[0].gateway: "192.0.2.1": in none of the networks of this interface`,
		}},
		"IPv6":              {"172.20.0.11/24", "2001:db8::1/64", []string{`38:23 nodes[0].network.links[0].addresses[0]: "2001:db8::1/64": IPv6, which is not built yet`}},
		"route to a host":   {"203.0.113.0/24", "203.0.113.1/24", []string{`30:26 nodes[0].network.routes[0].network: "203.0.113.1/24": an address, not a network`}},
		"gateway elsewhere": {"gateway: 10.77.0.1}]", "gateway: 10.78.0.1}]", []string{`30:51 nodes[0].network.routes[0].gateway: "10.78.0.1": in none of the networks of this interface`}},
		"link is a member":  {"00:A2", "00:A1", []string{`37:16 nodes[0].network.links[0].mac: "52:54:00:77:00:a1": the link that has the node's address`}},
		"no bound":          {"      ephemeral: 100GiB\n", "", []string{"18:5 nodes[0].volumes.ephemeral: missing"}},
		"size":              {"500GiB", "half", []string{`20:35 nodes[0].volumes.raw[0].size: "half": not a size`}},
		"raw name":          {"linstor", "lin stor", []string{`20:20 nodes[0].volumes.raw[0].name: "lin stor": not a DNS label of at most 34 characters`}},
		"unknown key":       {"lacpRate: fast", "lacprate: fast", []string{"26:9 nodes[0].network.bond.lacprate: unknown key"}},
	})
}

func TestLinksOfTwoNodesAreDistinct(t *testing.T) {
	second := "  - {name: worker2, mac: '52:54:00:77:00:a1', address: 10.77.0.12, disk: {serial: D2}," +
		" network: {addresses: [198.51.100.11/24], links: [{mac: '52:54:00:77:00:a2'}]}}\n"
	require.Equal(t, []string{
		`40:26 nodes[1].mac: "52:54:00:77:00:a1": already used by nodes[0].network.bond.members[1]`,
		`40:110 nodes[1].network.addresses[0]: "198.51.100.11": already used by nodes[0].network.addresses[0]`,
		`40:143 nodes[1].network.links[0].mac: "52:54:00:77:00:a2": already used by nodes[0].network.links[0].mac`,
	}, problems(t, wide+second))
}

func TestRolePatchesAreRead(t *testing.T) {
	text := full + "talos:\n  rolePatches:\n    worker: [{machine: {sysctls: {a: null}}}]\n"
	s, err := Parse("site.yaml", []byte(text))
	require.NoError(t, err)
	require.Equal(t, RolePatches{Worker: []Patch{{"machine": map[string]any{"sysctls": map[string]any{"a": nil}}}}}, s.Talos.RolePatches)
	require.Equal(t, []string{"20:14 talos.rolePatches.worker[0]: an empty patch"}, problems(t, strings.Replace(text, "{machine: {sysctls: {a: null}}}", "{}", 1)))
	require.Equal(t, []string{"20:5 talos.rolePatches.master: unknown key"}, problems(t, strings.Replace(text, "worker", "master", 1)))
}
