// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"net"
	"net/netip"
)

// Network is how a node is connected, beside having its address on one link. The settings in it are those of the interface
// that has the node's address: its link, its bond, or a VLAN on either.
type Network struct {
	// Bond joins several links, and stands in place of the link with the node's MAC. Nil: that link alone.
	Bond *Bond
	// VLAN tags the frames of the node's address. Zero: untagged.
	VLAN uint16
	LinkSettings

	VLANs []VLAN        // further ones, on the same link or bond
	Links []FurtherLink // links that are no part of the above
}

// LinkSettings are those of an interface of any kind.
type LinkSettings struct {
	MTU       uint32         // bytes. Zero: the kernel's default. On a VLAN, its link's must be as large
	Addresses []netip.Prefix // with the length of their network's prefix
	Routes    []Route
}

// Route is a way to other networks.
type Route struct {
	Destination netip.Prefix // invalid: everywhere
	Gateway     netip.Addr
	Metric      uint32 // the lowest wins. Zero: Talos's default, 1024
}

// Bond joins links into one.
type Bond struct {
	Members []net.HardwareAddr // permanent addresses
	Mode    string             // 802.3ad, active-backup, balance-xor ...: the kernel's names
	// TransmitHash and LACPRate are the kernel's names: layer3+4, fast. Empty: its defaults, layer2 and slow.
	TransmitHash string
	LACPRate     string
}

// VLAN is an interface with tagged frames.
type VLAN struct {
	ID uint16 // 1 to 4094
	LinkSettings
}

// FurtherLink is a link that does not have the node's address.
type FurtherLink struct {
	MAC net.HardwareAddr // permanent address
	LinkSettings
	VLANs []VLAN
}

// port is a link or a bond as the config will have it, in the form of no version.
type port struct {
	name     string             // net0, bond0: what the kernel calls links is unknown before the node boots
	macs     []net.HardwareAddr // of the link, or of the bond's members; nil: the link with the lowest one
	aliases  []string           // names of the links with these addresses
	bond     *Bond              // nil: a link
	settings LinkSettings
	vlans    []VLAN
	vip      netip.Addr // on the port itself
	vlanVIP  netip.Addr // on the first VLAN
}

// Names of links. Talos asks for names that no driver uses; net0 is its own example.
const (
	linkName = "net%d"
	bondName = "bond0"
)

// ports lists what the node's config is about, the port with the node's address first.
func ports(c Cluster, n Node) []port {
	own := port{name: fmt.Sprintf(linkName, 0), aliases: []string{fmt.Sprintf(linkName, 0)}, vlans: n.Network.VLANs}
	if n.MAC != nil {
		own.macs = []net.HardwareAddr{n.MAC}
	}

	if bond := n.Network.Bond; bond != nil {
		own.name, own.bond, own.macs, own.aliases = bondName, bond, bond.Members, nil
		for i := range bond.Members {
			own.aliases = append(own.aliases, fmt.Sprintf(linkName, i))
		}
	}

	home := n.Network.LinkSettings
	home.Addresses = append([]netip.Prefix{n.Address}, home.Addresses...)

	if c.Gateway.IsValid() {
		home.Routes = append([]Route{{Gateway: c.Gateway}}, home.Routes...)
	}

	var vip netip.Addr
	if n.Role == ControlPlane {
		vip = c.VIP
	}

	if n.Network.VLAN == 0 {
		own.settings, own.vip = home, vip
	} else {
		own.settings.MTU = home.MTU
		own.vlans = append([]VLAN{{n.Network.VLAN, home}}, own.vlans...)
		own.vlanVIP = vip
	}

	all, next := []port{own}, len(own.aliases)

	for i, link := range n.Network.Links {
		name := fmt.Sprintf(linkName, next+i)
		all = append(all, port{
			name: name, aliases: []string{name}, macs: []net.HardwareAddr{link.MAC}, settings: link.LinkSettings, vlans: link.VLANs,
		})
	}

	return all
}

// vlanName is at most 10 characters: the kernel takes 15.
func (p port) vlanName(id uint16) string { return fmt.Sprintf("%s.%d", p.name, id) }
