// SPDX-License-Identifier: Apache-2.0

// Package dhcp is the client side of DHCP as the simulated machines speak it: firmware, the network boot loader and the
// operating system each with options of their own.
//
// It collects offers, takes an address, keeps it or gives it back, and returns what the servers said; it refuses to know
// what a boot file is for. Still missing: a client that remembers its address over a restart (INIT-REBOOT).
package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
)

// ErrNoOffer means that no server offered an address in time: PXE-E51 on a real console.
var ErrNoOffer = errors.New("no DHCP offer received (PXE-E51)")

// Conn carries packets to all servers and back.
type Conn interface {
	Send(packet []byte) error
	Receive(buf []byte) (int, netip.AddrPort, error)
	SetDeadline(t time.Time) error
}

// Client is one conversation: its packets share a transaction number.
type Client struct {
	Conn  Conn
	Clock clock.Clock
	MAC   net.HardwareAddr
	// Options are added to every packet after message type and client address.
	Options []dhcpv4.Modifier
	// RequestOptions are added after those to a REQUEST: EDK2 names another maximum message size there.
	RequestOptions []dhcpv4.Modifier
	// Unicast clears the broadcast flag, as iPXE in a ROM does: it wants answers at an address that it can't ARP for.
	Unicast bool
	// Drop tells whether a received packet is to be lost. Nil loses none.
	Drop func() bool
	// WantProxy makes Discover wait for a PXE server's offer beside the address: iPXE's one round long.
	WantProxy bool
	// InsistOnProxy makes Discover ask again, as firmware does, until there is an offer with something to boot, and
	// return without it only after the last attempt.
	InsistOnProxy bool
	// Likes tells whether an offer has something to boot for this client. Nil: HasBootClass.
	Likes func(offer *dhcpv4.DHCPv4) bool
	// Probe tells whether somebody else uses an address that was just acknowledged. Nil: the address is not looked at.
	Probe func(ctx context.Context, address netip.Addr) (inUse bool, err error)
}

// Offers is what came back to one DISCOVER.
type Offers struct {
	// Address offers an address; never nil.
	Address *dhcpv4.DHCPv4
	// Proxy offers boot information without an address. Nil: none came.
	Proxy *dhcpv4.DHCPv4
}

// attempts are the moments at which EDK2 and Intel's ROMs send a DISCOVER (captures of real firmware), and last the
// moment at which they give up.
var attempts = [...]time.Duration{0, 4 * time.Second, 12 * time.Second, 28 * time.Second, 60 * time.Second}

// Discover broadcasts until what the client wants is offered, four times at most.
func (c *Client) Discover(ctx context.Context) (Offers, error) {
	xid := newTransaction()

	var offers Offers

	for i, at := range attempts[:len(attempts)-1] {
		packet, err := c.packet(dhcpv4.MessageTypeDiscover, xid, at)
		if err != nil {
			return Offers{}, err
		}

		if err := c.Conn.Send(packet.ToBytes()); err != nil {
			return Offers{}, fmt.Errorf("send DHCPDISCOVER: %w", err)
		}

		if err := c.collect(ctx, xid, attempts[i+1]-at, &offers); err != nil {
			return Offers{}, err
		}

		if offers.Address != nil && (!c.InsistOnProxy || c.complete(offers)) {
			return offers, nil
		}
	}

	if offers.Address == nil {
		return Offers{}, ErrNoOffer
	}

	return offers, nil
}

// complete tells whether there is an address and something to boot.
func (c *Client) complete(o Offers) bool {
	return o.Address != nil && (o.Proxy != nil || c.likes(o.Address))
}

func (c *Client) likes(offer *dhcpv4.DHCPv4) bool {
	if c.Likes == nil {
		return HasBootClass(offer)
	}

	return c.Likes(offer)
}

// HasBootClass tells whether an answer is for network boot: option 60 says PXEClient, or HTTPClient for UEFI HTTP boot.
func HasBootClass(answer *dhcpv4.DHCPv4) bool {
	class := answer.ClassIdentifier()

	return class == "PXEClient" || class == "HTTPClient"
}

// collect gathers offers until it has what the client wants or the time is over.
func (c *Client) collect(
	ctx context.Context, xid dhcpv4.TransactionID, limit time.Duration, offers *Offers,
) error {
	for until := time.Now().Add(c.Clock.Patience(limit)); ; {
		packet, err := c.receive(ctx, until, xid, dhcpv4.MessageTypeOffer)
		if err != nil || packet == nil {
			return err
		}

		c.sort(packet, offers)

		if c.complete(*offers) || offers.Address != nil && !c.WantProxy {
			return nil
		}
	}
}

// sort keeps an offer if there is none like it. A server that gives address and boot file wins over one that gives an
// address alone, whoever was first: so does EDK2.
func (c *Client) sort(packet *dhcpv4.DHCPv4, offers *Offers) {
	switch {
	case packet.YourIPAddr.IsUnspecified():
		if offers.Proxy == nil && c.likes(packet) {
			offers.Proxy = packet
		}
	case offers.Address == nil || !c.likes(offers.Address) && c.likes(packet):
		offers.Address = packet
	}
}
