// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"net/netip"
	"slices"
)

const (
	notUsable = "not an address a host can have"
	notIPv4   = "IPv6, which is not built yet"
	outside   = "outside " + nodeSubnet + " "
)

// loopback is the name of Linux's loopback interface and the range whose addresses it has.
const (
	loopback          = "lo"
	loopbackAddresses = "127.0.0.0/8"
)

// Paths that several checks name.
const (
	nodeSubnet = "network.nodeSubnet"
	podSubnet  = "network.podSubnet"
	joinSubnet = "network.joinSubnet"
)

// perNode is the prefix length that kube-controller-manager gives each node out of the node-pod network by default.
const perNode = 24

// network checks the networks of a cluster that is to be built.
func (c *checker) network() {
	n := c.site.Network
	c.kubeOVN()
	spans := c.spans()
	c.disjoint(spans)
	c.management(spans)
	c.nodePods()
	c.onNodeSubnet("network.vip", n.VIP)
	c.onNodeSubnet("network.gateway", n.Gateway)
	if n.VIP.IsValid() && n.VIP == n.Gateway {
		c.fail("network.vip", n.VIP.String(), duplicate+"network.gateway", "")
	}
	if n.Endpoint != "" {
		c.url("network.endpoint", n.Endpoint, "https")
	} else if !c.broken.has("network.vip") {
		c.fail("network.endpoint", "", missing, "set network.vip to a free address in the node network, or network.endpoint to the URL of a load balancer before the control planes")
	}
	c.require("network.clusterDomain", n.ClusterDomain, dnsName, notName, "")
	c.names("network.ntpServers", n.NTPServers, hostName, notHost)
	for i, server := range n.DNSServers {
		if path := fmt.Sprintf("network.dnsServers[%d]", i); !c.usable(server) {
			c.fail(path, server.String(), notUsable, "")
		} else if slices.Contains(n.DNSServers[:i], server) {
			c.fail(path, server.String(), "listed twice", "")
		}
	}
}

// kubeOVN refuses what only Kube-OVN would heed where there is none.
func (c *checker) kubeOVN() {
	if c.site.hasKubeOVN() {
		return
	}
	refuse := func(path string, prefix netip.Prefix) {
		if prefix.IsValid() {
			c.fail(path, prefix.String(), "not possible with bundle "+c.site.Bundle+", which has no Kube-OVN",
				"remove it: pods get their addresses out of network.nodePodSubnet")
		}
	}
	refuse(podSubnet, c.site.Network.PodSubnet)
	refuse(joinSubnet, c.site.Network.JoinSubnet)
}

// usable reports whether one host can have the address and others can reach it there.
func (c *checker) usable(addr netip.Addr) bool {
	return addr.IsValid() && addr.Zone() == "" && !addr.IsUnspecified() && (!addr.IsLoopback() || c.onLoopback()) &&
		!addr.IsMulticast() && !addr.IsLinkLocalUnicast() && addr != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// onLoopback reports whether the machines are reached over the bastion's loopback interface, through a relay on the same
// host. Only then can they have loopback addresses: over any other interface nobody reaches those.
func (c *checker) onLoopback() bool {
	return c.site.Netboot != nil && c.site.Netboot.Interface == loopback
}

// onNodeSubnet checks an optional address that must lie in the nodes' network.
func (c *checker) onNodeSubnet(path string, addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	subnet := c.site.Network.NodeSubnet
	switch {
	case !c.usable(addr):
		c.fail(path, addr.String(), notUsable, "")
	case !addr.Is4():
		c.fail(path, addr.String(), notIPv4, "")
	case !subnet.IsValid() || !subnet.Addr().Is4(): // reported as such
	case !subnet.Contains(addr):
		c.fail(path, addr.String(), outside+subnet.String(), "")
	case subnet.Bits() < 31 && (addr == subnet.Masked().Addr() || addr == lastOf(subnet)): // RFC 3021 frees them in a /31
		c.fail(path, addr.String(), "the network or broadcast address of network.nodeSubnet "+subnet.String(), "")
	}
}

// span is a range of addresses and where it was given.
type span struct {
	path, text  string
	first, last netip.Addr
}

// spans returns every range of the site that is good in itself, in the order of the file's documentation.
func (c *checker) spans() []span {
	n := c.site.Network
	var spans []span
	for _, prefix := range []struct {
		path  string
		value netip.Prefix
		has   bool
	}{
		{nodeSubnet, n.NodeSubnet, true},
		{podSubnet, n.PodSubnet, c.site.hasKubeOVN()},
		{"network.nodePodSubnet", n.NodePodSubnet, true},
		{"network.serviceSubnet", n.ServiceSubnet, true},
		{joinSubnet, n.JoinSubnet, c.site.hasKubeOVN()},
	} {
		if prefix.has && c.prefix(prefix.path, prefix.value) {
			spans = append(spans, span{prefix.path, prefix.value.String(), prefix.value.Addr(), lastOf(prefix.value)})
		}
	}
	if n.LoadBalancer != "" {
		const path, hint = "network.loadBalancer", "write it as 192.0.2.10-192.0.2.50 or 192.0.2.0/26"
		first, last, err := addresses(n.LoadBalancer)
		if err != nil {
			c.fail(path, n.LoadBalancer, err.Error(), hint)
		} else if !first.Is4() || !last.Is4() {
			c.fail(path, n.LoadBalancer, notIPv4, "")
		} else {
			spans = append(spans, span{path, n.LoadBalancer, first, last})
		}
	}
	return spans
}

func (c *checker) prefix(path string, prefix netip.Prefix) bool {
	switch {
	case c.broken.has(path):
	case !prefix.IsValid():
		c.fail(path, "", missing, "write it as 192.0.2.0/24")
	case !prefix.Addr().Is4():
		c.fail(path, prefix.String(), notIPv4, "")
	case prefix.Masked() != prefix:
		c.fail(path, prefix.String(), "an address, not a network", "the network is "+prefix.Masked().String())
	default:
		return true
	}
	return false
}

// disjoint checks that no two ranges share an address, and that none lies in a part of the address space with a meaning
// of its own.
//
// The load-balancer range counts as well, also where it is announced on the nodes' own link: an address the site's DHCP
// server or another host may hold is not free to be announced. So the node network is written as narrow as the nodes
// need, or the range is one that is routed to them.
func (c *checker) disjoint(spans []span) {
	for i, own := range spans {
		for _, special := range []string{"0.0.0.0/8", loopbackAddresses, "169.254.0.0/16", "224.0.0.0/3"} {
			prefix := netip.MustParsePrefix(special)
			if special == loopbackAddresses && own.path == nodeSubnet && c.onLoopback() {
				continue
			}
			if own.overlaps(span{first: prefix.Addr(), last: lastOf(prefix)}) {
				c.fail(own.path, own.text, "overlaps "+special+", which hosts can't use", "")
			}
		}
		for _, other := range spans[:i] {
			if own.overlaps(other) {
				c.overlap(own, other)
			}
		}
	}
}

// overlap reports two ranges that share addresses at the one that stands in the file: the other may be a default.
func (c *checker) overlap(at, with span) {
	if !slices.Contains(c.site.given, at.path) && slices.Contains(c.site.given, with.path) {
		at, with = with, at
	}
	c.fail(at.path, at.text, "overlaps "+with.path+" "+with.text, "all networks of a site are disjoint: choose another range for one of the two")
}

func (s span) overlaps(other span) bool {
	return !s.last.Less(other.first) && !other.last.Less(s.first)
}

// nodePods checks that the node-pod network has a part for each node.
func (c *checker) nodePods() {
	prefix := c.site.Network.NodePodSubnet
	if !prefix.IsValid() || !prefix.Addr().Is4() || c.broken.has("network.nodePodSubnet") {
		return
	}
	room := 0
	if prefix.Bits() <= perNode {
		room = 1 << (perNode - prefix.Bits())
	}
	if room < len(c.site.Nodes) {
		c.fail("network.nodePodSubnet", prefix.String(), fmt.Sprintf("room for %d nodes, with a /%d each, and the site has %d", room, perNode, len(c.site.Nodes)), "")
	}
}
