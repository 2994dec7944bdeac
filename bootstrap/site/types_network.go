// SPDX-License-Identifier: Apache-2.0

package site

import "net/netip"

// NodeNetwork is what a node's network has beside its address on the link with its MAC. MTU, addresses and routes are those
// of the interface with the node's address: that link, the bond, or the VLAN on either.
type NodeNetwork struct {
	// Bond joins several links into the one that has the node's address. Nil: the link with the node's mac has it.
	Bond *Bond `json:"bond,omitempty"`
	// VLAN tags the frames of the node's address: 1 to 4094. Zero: untagged. Machines netboot untagged all the same.
	VLAN int `json:"vlan,omitempty"`
	// MTU in bytes, of the link or bond too. Zero: 1500.
	MTU       int            `json:"mtu,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"` // further ones, with the length of their network's prefix
	Routes    []Route        `json:"routes,omitempty"`    // beside the one to network.gateway
	VLANs     []VLAN         `json:"vlans,omitempty"`     // further ones on the same link or bond
	Links     []Link         `json:"links,omitempty"`     // further links, which are no part of the bond
}

// Bond joins links into one (link aggregation).
type Bond struct {
	Members []string `json:"members" jsonschema:"required"` // hardware addresses of the links
	Mode    string   `json:"mode" jsonschema:"required,enum=802.3ad,enum=active-backup,enum=balance-xor,enum=balance-rr,enum=balance-tlb,enum=balance-alb,enum=broadcast"`
	// XmitHashPolicy spreads frames over the links. Empty: layer2.
	XmitHashPolicy string `json:"xmitHashPolicy,omitempty" jsonschema:"enum=layer2,enum=layer2+3,enum=layer3+4,enum=encap2+3,enum=encap3+4"`
	// LACPRate is how often 802.3ad's partners speak. Empty: slow.
	LACPRate string `json:"lacpRate,omitempty" jsonschema:"enum=slow,enum=fast"`
}

// VLAN is an interface with tagged frames.
type VLAN struct {
	ID        int            `json:"id" jsonschema:"required"` // 1 to 4094
	MTU       int            `json:"mtu,omitempty"`            // bytes; at most that of its link. Zero: the link's
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Routes    []Route        `json:"routes,omitempty"`
}

// Link is a link that does not have the node's address.
type Link struct {
	MAC       string         `json:"mac" jsonschema:"required"` // its hardware address
	MTU       int            `json:"mtu,omitempty"`             // bytes. Zero: 1500
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Routes    []Route        `json:"routes,omitempty"`
	VLANs     []VLAN         `json:"vlans,omitempty"`
}

// Route is a way to another network.
type Route struct {
	Network netip.Prefix `json:"network" jsonschema:"required"`
	Gateway netip.Addr   `json:"gateway" jsonschema:"required"`
	Metric  int          `json:"metric,omitempty"` // the lowest wins. Zero: 1024
}

// Volumes divides a node's install disk between the system and the platform's volumes, for machines with one disk.
type Volumes struct {
	// Ephemeral is the most that images, containers and logs (/var) may take: 100GiB. Empty: all of the disk.
	Ephemeral string `json:"ephemeral,omitempty"`
	// Raw are partitions without a file system. They need ephemeral, which would else take their place.
	Raw []RawVolume `json:"raw,omitempty"`
}

// RawVolume is a partition without a file system: /dev/disk/by-partlabel/r-<name>.
type RawVolume struct {
	Name string `json:"name" jsonschema:"required"` // a DNS label of at most 34 characters
	Size string `json:"size" jsonschema:"required"` // 500GiB
}
