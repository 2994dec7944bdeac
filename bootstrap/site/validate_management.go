// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

const management = "network.management"

// management checks the networks that pods of tenants are kept from beside the nodes' own, which they may overlap. The pods have
// addresses in the other networks of the cluster, or reach others there.
func (c *checker) management(spans []span) {
	if len(c.site.Network.Management) > 0 && !c.site.HasTenants() {
		c.fail(management, "", "not possible with bundle "+c.site.Bundle+", which has no tenants", "remove it, or choose a paas bundle")
		return
	}
	for i, prefix := range c.site.Network.Management {
		path := fmt.Sprintf("%s[%d]", management, i)
		if !c.prefix(path, prefix) {
			continue
		}
		if prefix.Bits() == 0 {
			c.fail(path, prefix.String(), "the whole world", "")
			continue
		}
		own := span{path, prefix.String(), prefix.Addr(), lastOf(prefix)}
		for _, other := range spans {
			if other.path != nodeSubnet && own.overlaps(other) {
				c.overlap(own, other)
			}
		}
	}
	c.unknownAddresses()
}

// unknownAddresses refuses names of hosts that pods of tenants are to be kept from: policies know addresses only. With a network
// for management they are taken to lie there.
func (c *checker) unknownAddresses() {
	if !c.site.HasTenants() || len(c.site.Network.Management) > 0 || c.broken.touches(management) {
		return
	}
	refuse := func(path, host string) {
		if _, err := netip.ParseAddr(host); err != nil && host != "" {
			c.fail(path, host, "a name: pods of tenants are kept from addresses only, and could reach it",
				"give its address; or the network that it lies in as network.management, such as [192.0.2.0/24]")
		}
	}
	for i, node := range c.site.Nodes {
		if node.BMC == nil {
			continue
		}
		if at, err := url.Parse(node.BMC.Address); err == nil { // else it is told
			refuse(fmt.Sprintf("nodes[%d].bmc.address", i), at.Hostname())
		}
	}
	if bastion := c.site.Registries.Bastion; bastion != nil {
		if host, _, err := net.SplitHostPort(bastion.Address); err == nil { // else it is told
			refuse("registries.bastion.address", host)
		}
	}
}
