// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"net/netip"

	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/lease"
)

// addresses gives machines their addresses in ModeServer.
type addresses struct {
	config Addressing
	table  *lease.Table
}

// own are our addresses on the links.
func own(links []dhcp.Link) []netip.Addr {
	list := make([]netip.Addr, 0, len(links))
	for _, link := range links {
		list = append(list, link.Address)
	}
	return list
}

// openAddresses reads the lease file. Taken looks whether an address of the pool is in use already.
func openAddresses(c Config, links []dhcp.Link, taken func(context.Context, netip.Addr) bool) (*addresses, error) {
	excluded := append(own(links), c.Addressing.Excluded...)
	for _, m := range c.Machines {
		if m.Address.IsValid() {
			excluded = append(excluded, m.Address)
		}
	}
	table, err := lease.Open(lease.Config{
		Subnet: c.Addressing.Subnet, First: c.Addressing.First, Last: c.Addressing.Last, Excluded: excluded,
		Server: links[0].Address, Time: c.Addressing.LeaseTime, File: c.Addressing.File, Now: c.Now, Taken: taken,
	})
	if err != nil {
		return nil, err
	}
	return &addresses{config: c.Addressing, table: table}, nil
}

// answer gives, confirms or refuses an address. Silent, when not empty, is the reason for no answer.
func (a *addresses) answer(ctx context.Context, m Machine, r dhcp.Request) (reply dhcp.Reply, silent string) {
	outcome := a.table.Answer(ctx, lease.Query{
		Kind: lease.Kind(r.Message), MAC: r.MAC, ClientID: r.ClientID,
		Requested: r.Requested, Chosen: r.Chosen, Client: r.Client, Server: r.Server,
		Relayed: r.Relay.IsValid(), Fixed: m.Address,
	})
	switch {
	case outcome.Silent != "":
		return dhcp.Reply{}, outcome.Silent
	case outcome.Refuse != "":
		return dhcp.Reply{Refusal: outcome.Refuse}, ""
	}
	given := &dhcp.Lease{
		Address: outcome.Address, Subnet: a.config.Subnet, Router: a.config.Router,
		DNS: a.config.DNS, NTP: a.config.NTP, Domain: a.config.Domain, Time: outcome.Time,
	}
	if r.Message == dhcp.Inform {
		given.Address = netip.Addr{} // it has one
	}
	return dhcp.Reply{Lease: given}, ""
}
