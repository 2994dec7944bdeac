// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// afterDecline is how long a client waits before it asks again for an address (RFC 2131 section 3.1, step 5).
const afterDecline = 10 * time.Second

// maxDeclined is how many addresses a client declines before it gives up.
const maxDeclined = 4

// ErrInUse means that each address the servers gave was somebody else's already.
var ErrInUse = errors.New("all offered addresses are in use")

// Lease is an address for some time.
type Lease struct {
	Address netip.Prefix
	Server  netip.Addr
	// Duration is the whole time; Renew and Rebind are when to ask the server, and then any server, for more. The latter
	// two are half and seven eighths of the first where the server does not say (RFC 2131 section 4.4.5).
	Duration, Renew, Rebind time.Duration
}

// Lease takes an address that nobody else uses: Discover, Request, and Probe if there is one. An address in use is
// declined, and the client asks again ten seconds later.
func (c *Client) Lease(ctx context.Context) (Lease, error) {
	for range maxDeclined {
		offers, err := c.Discover(ctx)
		if err != nil {
			return Lease{}, err
		}

		ack, err := c.Request(ctx, offers.Address)
		if err != nil {
			return Lease{}, err
		}

		lease, err := leaseOf(ack)
		if err != nil {
			return Lease{}, err
		}

		inUse, err := c.probe(ctx, lease.Address.Addr())
		if err != nil || !inUse {
			return lease, err
		}

		if err := c.Decline(lease); err != nil {
			return Lease{}, err
		}

		if err := c.Clock.Wait(ctx, afterDecline); err != nil {
			return Lease{}, err
		}
	}

	return Lease{}, ErrInUse
}

func (c *Client) probe(ctx context.Context, address netip.Addr) (bool, error) {
	if c.Probe == nil {
		return false, nil
	}

	inUse, err := c.Probe(ctx, address)
	if err != nil {
		return false, fmt.Errorf("probe %s: %w", address, err)
	}

	return inUse, nil
}

func leaseOf(ack *dhcpv4.DHCPv4) (Lease, error) {
	address, err := Prefix(ack)
	if err != nil {
		return Lease{}, err
	}

	server, ok := netip.AddrFromSlice(ack.ServerIdentifier().To4())
	if !ok {
		return Lease{}, fmt.Errorf("lease of %s: the acknowledgement has no server identifier (option 54)", address)
	}

	duration := ack.IPAddressLeaseTime(0)
	if duration == 0 {
		return Lease{}, fmt.Errorf("lease of %s from %s: no lease time (option 51)", address, server)
	}

	return Lease{
		Address: address, Server: server, Duration: duration,
		Renew: ack.IPAddressRenewalTime(duration / 2), Rebind: ack.IPAddressRebindingTime(duration / 8 * 7),
	}, nil
}

// Renew asks for more time. With a Conn made by Unicast that is the RENEWING state of RFC 2131, with one to all servers
// REBINDING: either way the packet has the address in ciaddr, and neither option 50 nor 54 (section 4.3.2).
func (c *Client) Renew(ctx context.Context, lease Lease) (Lease, error) {
	xid := newTransaction()

	for i, at := range attempts[:len(attempts)-1] {
		packet, err := c.packet(dhcpv4.MessageTypeRequest, xid, at)
		if err != nil {
			return Lease{}, err
		}

		packet.ClientIPAddr = lease.Address.Addr().AsSlice()
		packet.SetUnicast() // it has an address, and can be answered there

		if err := c.Conn.Send(packet.ToBytes()); err != nil {
			return Lease{}, fmt.Errorf("renew %s: %w", lease.Address, err)
		}

		until := time.Now().Add(c.Clock.Patience(attempts[i+1] - at))

		answer, err := c.receive(ctx, until, xid, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak)
		if err != nil {
			return Lease{}, err
		}

		if answer == nil {
			continue
		}

		if answer.MessageType() == dhcpv4.MessageTypeNak {
			return Lease{}, fmt.Errorf("renew %s: %w: %s", lease.Address, ErrRefused, answer.Message())
		}

		return leaseOf(answer)
	}

	return Lease{}, fmt.Errorf("renew %s: no acknowledgement", lease.Address)
}

// Release gives a lease back; the Conn is one made by Unicast. Nobody answers (RFC 2131 section 4.4.6).
func (c *Client) Release(lease Lease) error {
	packet, err := c.packet(dhcpv4.MessageTypeRelease, newTransaction(), 0)
	if err != nil {
		return err
	}

	packet.ClientIPAddr = lease.Address.Addr().AsSlice()
	packet.SetUnicast()
	packet.UpdateOption(dhcpv4.OptServerIdentifier(lease.Server.AsSlice()))

	if err := c.Conn.Send(packet.ToBytes()); err != nil {
		return fmt.Errorf("release %s: %w", lease.Address, err)
	}

	return nil
}

// Decline tells the servers that somebody else uses a leased address. Nobody answers (RFC 2131 section 4.4.4).
func (c *Client) Decline(lease Lease) error {
	packet, err := c.packet(dhcpv4.MessageTypeDecline, newTransaction(), 0)
	if err != nil {
		return err
	}

	packet.UpdateOption(dhcpv4.OptRequestedIPAddress(lease.Address.Addr().AsSlice()))
	packet.UpdateOption(dhcpv4.OptServerIdentifier(lease.Server.AsSlice()))

	if err := c.Conn.Send(packet.ToBytes()); err != nil {
		return fmt.Errorf("decline %s: %w", lease.Address, err)
	}

	return nil
}

// Unicast makes a Conn to one server, over a socket on port 68. On all addresses of the link it hears refusals too, which
// are broadcast (RFC 2131 section 4.1). Whoever opened the socket closes it.
func Unicast(conn net.PacketConn, server netip.AddrPort) Conn { return unicast{conn, server} }

type unicast struct {
	conn   net.PacketConn
	server netip.AddrPort
}

func (u unicast) Send(packet []byte) error {
	_, err := u.conn.WriteTo(packet, net.UDPAddrFromAddrPort(u.server))

	return err
}

func (u unicast) Receive(buf []byte) (int, netip.AddrPort, error) {
	length, from, err := u.conn.ReadFrom(buf)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}

	return length, from.(*net.UDPAddr).AddrPort(), nil
}

func (u unicast) SetDeadline(t time.Time) error { return u.conn.SetReadDeadline(t) }
