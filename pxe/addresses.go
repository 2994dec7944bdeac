// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"fmt"
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

// given is what became of a machine's question for an address.
type given struct {
	reply dhcp.Reply
	// silent, when not empty, is the reason for no answer.
	silent string
	// note says why the machine did not get its reserved address; mostly empty.
	note string
	// heldBy is the MAC that has it, if we gave it to one; zero otherwise.
	heldBy [6]byte
}

// answer gives, confirms or refuses an address.
func (a *addresses) answer(ctx context.Context, m Machine, r dhcp.Request) given {
	if reason := a.elsewhere(r); reason != "" {
		return given{silent: reason}
	}
	outcome := a.table.Answer(ctx, lease.Query{
		Kind: lease.Kind(r.Message), MAC: r.MAC, ClientID: r.ClientID,
		Requested: r.Requested, Chosen: r.Chosen, Client: r.Client, Server: r.Server,
		Relayed: r.Relay.IsValid(), Fixed: m.Address,
	})
	switch {
	case outcome.Silent != "":
		return given{silent: outcome.Silent}
	case outcome.Refuse != "":
		return given{reply: dhcp.Reply{Refusal: outcome.Refuse}}
	}
	lease := &dhcp.Lease{
		Address: outcome.Address, Subnet: a.config.Subnet, Router: a.config.Router,
		DNS: a.config.DNS, NTP: a.config.NTP, Domain: a.config.Domain, Time: outcome.Time,
	}
	if r.Message == dhcp.Inform {
		lease.Address = netip.Addr{} // it has one
	}
	return given{reply: dhcp.Reply{Lease: lease}, note: outcome.Note, heldBy: outcome.HeldBy}
}

// elsewhere says why a machine is not on the network of the leases, where every address of theirs would be wrong; "" when
// it is. A relay names the network by its own address there (giaddr, RFC 2131 section 4.3.1). What comes straight is of
// the link that it came by, but for a machine that has an address: it renews it through routers.
func (a *addresses) elsewhere(r dhcp.Request) string {
	subnet := a.config.Subnet
	switch {
	case r.Relay.IsValid() && !subnet.Contains(r.Relay):
		return fmt.Sprintf("came by the relay %s, which is not in %s: only that network's addresses are given", r.Relay, subnet)
	case r.Relay.IsValid(), r.Client.IsValid() && r.Client == r.From.Addr() && subnet.Contains(r.Client):
		return ""
	case !subnet.Contains(r.Server):
		return fmt.Sprintf("came by %s, where this host is %s and not in %s: only that network's addresses are given",
			r.Interface, r.Server, subnet)
	}
	return ""
}
