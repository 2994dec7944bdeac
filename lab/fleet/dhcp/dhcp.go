// SPDX-License-Identifier: Apache-2.0

// Package dhcp is the client side of DHCP as the simulated machines speak it: firmware, the network boot loader and the
// operating system each with options of their own.
//
// It collects offers, takes an address and gives back what the servers said; it refuses to know what a boot file is for.
// Still missing: renewing and releasing leases, and probing an offered address.
package dhcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	// Drop tells whether a received packet is to be lost. Nil loses none.
	Drop func() bool
	// WantProxy makes Discover wait for a PXE server's offer beside the address: iPXE's one round long.
	WantProxy bool
	// InsistOnProxy makes Discover ask again, as firmware does, until there is an offer with something to boot, and
	// return without it only after the last attempt.
	InsistOnProxy bool
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
	xid := dhcpv4.TransactionID{}
	for i := range xid {
		xid[i] = byte(rand.Uint32())
	}

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

		if offers.Address != nil && (!c.InsistOnProxy || offers.complete()) {
			return offers, nil
		}
	}

	if offers.Address == nil {
		return Offers{}, ErrNoOffer
	}

	return offers, nil
}

// complete tells whether there is an address and something to boot.
func (o Offers) complete() bool {
	return o.Address != nil && (o.Proxy != nil || isPXE(o.Address))
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

		switch {
		case !packet.YourIPAddr.IsUnspecified() && offers.Address == nil:
			offers.Address = packet
		case packet.YourIPAddr.IsUnspecified() && isPXE(packet) && offers.Proxy == nil:
			offers.Proxy = packet
		}

		if offers.complete() || offers.Address != nil && !c.WantProxy {
			return nil
		}
	}
}

func isPXE(p *dhcpv4.DHCPv4) bool { return p.ClassIdentifier() == "PXEClient" }

// Request takes the offered address and returns the server's acknowledgement.
func (c *Client) Request(ctx context.Context, offer *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	server := offer.ServerIdentifier()
	if server == nil {
		return nil, fmt.Errorf("request %s: the offer has no server identifier (option 54)", offer.YourIPAddr)
	}

	for i, at := range attempts[:len(attempts)-1] {
		packet, err := c.packet(dhcpv4.MessageTypeRequest, offer.TransactionID, at)
		if err != nil {
			return nil, err
		}

		packet.UpdateOption(dhcpv4.OptServerIdentifier(server))
		packet.UpdateOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr))

		if err := c.Conn.Send(packet.ToBytes()); err != nil {
			return nil, fmt.Errorf("send DHCPREQUEST: %w", err)
		}

		until := time.Now().Add(c.Clock.Patience(attempts[i+1] - at))

		ack, err := c.acknowledgement(ctx, until, offer)
		if err != nil || ack != nil {
			return ack, err
		}
	}

	return nil, fmt.Errorf("request %s from %s: no acknowledgement (PXE-E55)", offer.YourIPAddr, server)
}

// acknowledgement takes only the word of the server that was asked: a proxy must not answer here, and is not heard.
func (c *Client) acknowledgement(
	ctx context.Context, until time.Time, offer *dhcpv4.DHCPv4,
) (*dhcpv4.DHCPv4, error) {
	for {
		packet, err := c.receive(ctx, until, offer.TransactionID, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak)
		if err != nil || packet == nil {
			return nil, err
		}

		if !packet.ServerIdentifier().Equal(offer.ServerIdentifier()) {
			continue
		}

		if packet.MessageType() == dhcpv4.MessageTypeNak {
			return nil, fmt.Errorf("request %s from %s: refused: %s",
				offer.YourIPAddr, packet.ServerIdentifier(), packet.Message())
		}

		return packet, nil
	}
}
