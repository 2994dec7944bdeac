// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/dustin/go-humanize"
)

const (
	notVLAN = "not the number of a VLAN, 1 to 4094"
	// The least that IPv4 can do with (RFC 791), and the most the kernel takes.
	minMTU, maxMTU = 68, 65535
)

// nodeNetwork checks what a node's network has beside one link with one address.
func (c *checker) nodeNetwork(node string, own Node) {
	n, at := own.Network, node+".network"
	if n == nil {
		return
	}
	base := attachment{at, n.MTU, n.Addresses, n.Routes}
	c.attachment(base, 0, c.site.Network.NodeSubnet)
	if n.Bond != nil {
		c.bond(at+".bond", *n.Bond)
	} else if own.MAC == "" && !c.broken.touches(node) {
		c.fail(node+".mac", "", missing+": network says what its link is like", "give the card that has the node's address, or a bond")
	}
	if n.VLAN != 0 && !isVLAN(n.VLAN) {
		c.fail(at+".vlan", fmt.Sprint(n.VLAN), notVLAN, "")
	}
	c.vlans(at+".vlans", n.VLANs, n.MTU, n.VLAN)
	for i, link := range n.Links {
		at := fmt.Sprintf("%s.links[%d]", at, i)
		c.require(at+".mac", link.MAC, hardwareAddress, "not the hardware address of a machine", "write it as 52:54:00:12:34:56")
		if link.MAC != "" && (n.Bond == nil && link.MAC == own.MAC || n.Bond != nil && slices.Contains(n.Bond.Members, link.MAC)) {
			c.fail(at+".mac", link.MAC, "the link that has the node's address", "write what it is like directly below network")
		}
		if slices.ContainsFunc(n.Links[:i], func(l Link) bool { return l.MAC == link.MAC }) {
			c.fail(at+".mac", link.MAC, "listed twice", "")
		}
		c.attachment(attachment{at, link.MTU, link.Addresses, link.Routes}, 0)
		c.vlans(at+".vlans", link.VLANs, link.MTU, 0)
	}
}

func (c *checker) bond(at string, bond Bond) {
	c.names(at+".members", bond.Members, hardwareAddress, "not the hardware address of a machine")
	if len(bond.Members) < 2 && !c.broken.touches(at+".members") {
		c.fail(at+".members", "", fmt.Sprintf("%d of them: a bond joins two links or more", len(bond.Members)), "")
	}
	c.oneOf(at+".mode", bond.Mode, "802.3ad", "active-backup", "balance-xor", "balance-rr", "balance-tlb", "balance-alb", "broadcast")
	if bond.XmitHashPolicy != "" {
		c.oneOf(at+".xmitHashPolicy", bond.XmitHashPolicy, "layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4")
	}
	if bond.LACPRate != "" {
		c.oneOf(at+".lacpRate", bond.LACPRate, "slow", "fast")
		if bond.Mode != "802.3ad" {
			c.fail(at+".lacpRate", bond.LACPRate, "only possible with mode 802.3ad", "")
		}
	}
}

func isVLAN(id int) bool { return id >= 1 && id <= 4094 }

// vlans checks those on one link. Taken is the VLAN of the node's address on it, or 0.
func (c *checker) vlans(at string, vlans []VLAN, linkMTU, taken int) {
	seen := map[int]bool{taken: taken != 0}
	for i, vlan := range vlans {
		at := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case !isVLAN(vlan.ID):
			c.fail(at+".id", fmt.Sprint(vlan.ID), notVLAN, "")
		case seen[vlan.ID]:
			c.fail(at+".id", fmt.Sprint(vlan.ID), "there already on this link", "")
		}
		seen[vlan.ID] = true
		c.attachment(attachment{at, vlan.MTU, vlan.Addresses, vlan.Routes}, linkMTU)
	}
}

// attachment is how an interface of any kind is joined to networks.
type attachment struct {
	at        string
	mtu       int
	addresses []netip.Prefix
	routes    []Route
}

// attachment checks an interface. Limit is the MTU of the link below it, or 0; near are networks it is on beside those of
// its addresses.
func (c *checker) attachment(a attachment, limit int, near ...netip.Prefix) {
	switch {
	case a.mtu == 0:
	case a.mtu < minMTU || a.mtu > maxMTU:
		c.fail(a.at+".mtu", fmt.Sprint(a.mtu), fmt.Sprintf("not a number of bytes from %d to %d", minMTU, maxMTU), "")
	case limit != 0 && a.mtu > limit:
		c.fail(a.at+".mtu", fmt.Sprint(a.mtu), fmt.Sprintf("more than the %d of its link", limit), "")
	}
	for i, address := range a.addresses {
		c.furtherAddress(fmt.Sprintf("%s.addresses[%d]", a.at, i), address)
	}
	near = append(slices.Clone(near), a.addresses...)
	for i, route := range a.routes {
		c.route(fmt.Sprintf("%s.routes[%d]", a.at, i), route, near)
	}
}

// furtherAddress checks an address of a node beside the one in the node network. Its network must be no other of the site's:
// the node would look for pods on a link, or for nodes on another one.
func (c *checker) furtherAddress(at string, address netip.Prefix) {
	switch {
	case !address.IsValid(): // reported as such
		return
	case !c.usable(address.Addr()):
		c.fail(at, address.String(), notUsable, "")
		return
	case !address.Addr().Is4():
		c.fail(at, address.String(), notIPv4, "")
		return
	case address.Masked().Addr() == address.Addr() && address.Bits() < 31:
		c.fail(at, address.String(), "a network, not an address", "write the node's own address in it, as 198.51.100.11/24")
		return
	}
	own := span{first: address.Masked().Addr(), last: lastOf(address)}
	n := c.site.Network
	for _, inside := range []struct {
		path  string
		value netip.Prefix
	}{
		{nodeSubnet, n.NodeSubnet}, // where kubelet and etcd take the one address there for the node's
		{podSubnet, n.PodSubnet},
		{"network.nodePodSubnet", n.NodePodSubnet},
		{"network.serviceSubnet", n.ServiceSubnet},
		{joinSubnet, n.JoinSubnet},
	} {
		if inside.value.IsValid() && own.overlaps(span{first: inside.value.Masked().Addr(), last: lastOf(inside.value)}) {
			c.fail(at, address.String(), "overlaps "+inside.path+" "+inside.value.String(), "all networks of a site are disjoint: choose another range for one of the two")
		}
	}
}

func (c *checker) route(at string, route Route, near []netip.Prefix) {
	if !c.broken.has(at + ".network") {
		switch {
		case !route.Network.IsValid():
			c.fail(at+".network", "", missing, "write it as 192.0.2.0/24")
		case !route.Network.Addr().Is4():
			c.fail(at+".network", route.Network.String(), notIPv4, "")
		case route.Network.Masked() != route.Network:
			c.fail(at+".network", route.Network.String(), "an address, not a network", "the network is "+route.Network.Masked().String())
		}
	}
	if route.Metric < 0 {
		c.fail(at+".metric", fmt.Sprint(route.Metric), "less than 0", "")
	}
	reach := func(network netip.Prefix) bool { return network.IsValid() && network.Contains(route.Gateway) }
	switch {
	case c.broken.has(at + ".gateway"):
	case !route.Gateway.IsValid():
		c.fail(at+".gateway", "", missing, "")
	case !slices.ContainsFunc(near, reach):
		c.fail(at+".gateway", route.Gateway.String(), "in none of the networks of this interface", "give the interface an address in the gateway's network")
	}
}

// volumes checks how the install disk is divided.
func (c *checker) volumes(at string, volumes *Volumes) {
	if volumes == nil {
		return
	}
	size := func(text string) bool { bytes, err := humanize.ParseBytes(text); return err == nil && bytes > 0 }
	const notSize, asSize = "not a size", "write it as 100GiB"
	c.optional(at+".ephemeral", volumes.Ephemeral, size, notSize, asSize)
	if volumes.Ephemeral == "" && len(volumes.Raw) > 0 {
		c.fail(at+".ephemeral", "", missing, "it takes all of the disk unless it is bounded, and leaves no room for raw volumes")
	}
	seen := map[string]bool{}
	for i, raw := range volumes.Raw {
		at := fmt.Sprintf("%s.raw[%d]", at, i)
		c.require(at+".name", raw.Name, func(v string) bool { return dnsLabel(v) && len(v) <= 34 }, "not a DNS label of at most 34 characters", "")
		if seen[raw.Name] {
			c.fail(at+".name", raw.Name, "listed twice", "")
		}
		seen[raw.Name] = true
		c.require(at+".size", raw.Size, size, notSize, asSize)
	}
}
