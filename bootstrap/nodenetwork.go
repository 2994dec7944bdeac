// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// nodeNetwork is what the site file says of a node's network, in the words of package talos.
func nodeNetwork(n *site.NodeNetwork) (talos.Network, error) {
	if n == nil {
		return talos.Network{}, nil
	}
	out := talos.Network{
		VLAN: uint16(n.VLAN), LinkSettings: linkSettings(n.MTU, n.Routes), VLANs: nodeVLANs(n.VLANs),
	}
	out.Addresses = n.Addresses
	if n.Bond != nil {
		out.Bond = &talos.Bond{Mode: n.Bond.Mode, TransmitHash: n.Bond.XmitHashPolicy, LACPRate: n.Bond.LACPRate}
		for i, text := range n.Bond.Members {
			mac, err := net.ParseMAC(text)
			if err != nil {
				return talos.Network{}, fmt.Errorf("network.bond.members[%d] %q: %w", i, text, err)
			}
			out.Bond.Members = append(out.Bond.Members, mac)
		}
	}
	for i, link := range n.Links {
		mac, err := net.ParseMAC(link.MAC)
		if err != nil {
			return talos.Network{}, fmt.Errorf("network.links[%d].mac %q: %w", i, link.MAC, err)
		}
		further := talos.FurtherLink{MAC: mac, LinkSettings: linkSettings(link.MTU, link.Routes), VLANs: nodeVLANs(link.VLANs)}
		further.Addresses = link.Addresses
		out.Links = append(out.Links, further)
	}
	return out, nil
}

func nodeVLANs(vlans []site.VLAN) []talos.VLAN {
	var out []talos.VLAN
	for _, vlan := range vlans {
		one := talos.VLAN{ID: uint16(vlan.ID), LinkSettings: linkSettings(vlan.MTU, vlan.Routes)}
		one.Addresses = vlan.Addresses
		out = append(out, one)
	}
	return out
}

func linkSettings(mtu int, routes []site.Route) talos.LinkSettings {
	out := talos.LinkSettings{MTU: uint32(mtu)}
	for _, r := range routes {
		out.Routes = append(out.Routes, talos.Route{Destination: r.Network, Gateway: r.Gateway, Metric: uint32(r.Metric)})
	}
	return out
}

func volumes(v *site.Volumes) talos.Volumes {
	if v == nil {
		return talos.Volumes{}
	}
	out := talos.Volumes{Ephemeral: v.Ephemeral}
	for _, raw := range v.Raw {
		out.Raw = append(out.Raw, talos.RawVolume(raw))
	}
	return out
}
