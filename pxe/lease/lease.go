// SPDX-License-Identifier: Apache-2.0

// Package lease decides which machine has which IPv4 address: the address side of a DHCP server (RFC 2131 section 4.3),
// as a table that is asked one message at a time, and a file that survives a restart.
//
// A machine is known by its MAC alone. Each program of a netboot asks with a client identifier of its own (RFC 2132
// section 9.14), and would take an address each.
//
// It refuses to know packets, sockets and sites: the reservation of a machine arrives with each question, and who looks
// whether an address is in use is a function that it is given.
//
// Still missing: nothing that is planned. There is no failover between two servers.
package lease

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Kind is a DHCP message type, numbered as in RFC 2132 section 9.6.
type Kind uint8

// The messages that are about addresses.
const (
	Discover Kind = 1
	Request  Kind = 3
	Decline  Kind = 4
	Release  Kind = 7
	Inform   Kind = 8
)

// Query is one message of a machine.
type Query struct {
	Kind Kind
	MAC  net.HardwareAddr // six bytes
	// ClientID is what the machine calls itself (option 61); it is kept for people only. Nil: nothing.
	ClientID  []byte
	Requested netip.Addr // option 50; zero when absent
	Chosen    netip.Addr // option 54; zero when absent
	Client    netip.Addr // ciaddr; zero when absent
	// Server is our own address on the interface that it came by, in whose name it is answered. Zero: Config.Server.
	Server netip.Addr
	// Relayed: it came by a relay, so the machine need not be on our own network.
	Relayed bool
	// Fixed is the address that the site gives this machine. Zero: one of the pool.
	Fixed netip.Addr
}

// Outcome is the answer to a Query. Exactly one of Address, Refuse and Silent is set.
type Outcome struct {
	// Address is offered or given. After Inform it is the machine's own.
	Address netip.Addr
	// Time is how long it may be used. Zero after Inform.
	Time time.Duration
	// Note tells people what is wrong although there is an answer: the machine did not get its fixed address. Mostly
	// empty.
	Note string
	// HeldBy is the MAC that has the fixed address, if we gave it to one. Zero: we did not.
	HeldBy [6]byte
	// Refuse makes the answer a DHCPNAK with this reason.
	Refuse string
	// Silent is the reason for no answer.
	Silent string
}

func refuse(format string, args ...any) Outcome { return Outcome{Refuse: fmt.Sprintf(format, args...)} }

func silent(format string, args ...any) Outcome { return Outcome{Silent: fmt.Sprintf(format, args...)} }

// State is what an address is to us.
type State string

// The states of addresses.
const (
	Offered  State = "offered"  // for a minute, until the machine takes it
	Bound    State = "bound"    // given to a machine
	Declined State = "declined" // a machine or a probe found it in use by somebody else; it rests for a while
	Expired  State = "expired"  // kept for the machine that had it until somebody else needs it
)

// Lease is one address that is not free.
type Lease struct {
	Address  netip.Addr
	MAC      net.HardwareAddr // nil when Declined
	ClientID []byte           // as last told; nil when not
	State    State
	Until    time.Time // end of the state; in the past when Expired
}

// Leases lists the addresses that are or were in use, in their order.
func (t *Table) Leases() []Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	list := make([]Lease, 0, len(t.byAddress))
	for _, e := range t.byAddress {
		l := Lease{Address: e.address, MAC: slices.Clone(e.mac[:]), ClientID: e.clientID, State: e.state, Until: e.until}
		switch {
		case e.state == Declined && !e.isOver(now):
			l.MAC = nil
		case e.isOver(now):
			l.State = Expired
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Lease) int { return a.Address.Compare(b.Address) })
	return list
}
