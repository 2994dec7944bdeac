// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"net/netip"
	"slices"
)

type pathText struct{ path, text string }

// furtherMACs are the hardware addresses below a node's network that the node's mac and macs do not have.
func (n Node) furtherMACs(at string) []pathText {
	if n.Network == nil {
		return nil
	}
	var out []pathText
	add := func(path, mac string) {
		if mac != n.MAC && !slices.Contains(n.MACs, mac) && !slices.ContainsFunc(out, func(p pathText) bool { return p.text == mac }) {
			out = append(out, pathText{path, mac})
		}
	}
	if n.Network.Bond != nil {
		for i, mac := range n.Network.Bond.Members {
			add(fmt.Sprintf("%s.network.bond.members[%d]", at, i), mac)
		}
	}
	for i, link := range n.Network.Links {
		add(fmt.Sprintf("%s.network.links[%d].mac", at, i), link.MAC)
	}
	return out
}

type pathPrefix struct {
	path   string
	prefix netip.Prefix
}

// furtherAddresses are those that a node has beside its address, on every interface.
func (n Node) furtherAddresses(at string) []pathPrefix {
	if n.Network == nil {
		return nil
	}
	var out []pathPrefix
	add := func(at string, addresses []netip.Prefix) {
		for i, address := range addresses {
			if address.IsValid() {
				out = append(out, pathPrefix{fmt.Sprintf("%s.addresses[%d]", at, i), address})
			}
		}
	}
	vlans := func(at string, vlans []VLAN) {
		for i, vlan := range vlans {
			add(fmt.Sprintf("%s.vlans[%d]", at, i), vlan.Addresses)
		}
	}
	add(at+".network", n.Network.Addresses)
	vlans(at+".network", n.Network.VLANs)
	for i, link := range n.Network.Links {
		at := fmt.Sprintf("%s.network.links[%d]", at, i)
		add(at, link.Addresses)
		vlans(at, link.VLANs)
	}
	return out
}
