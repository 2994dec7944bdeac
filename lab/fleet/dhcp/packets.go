// SPDX-License-Identifier: Apache-2.0

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
)

func newTransaction() dhcpv4.TransactionID {
	var xid dhcpv4.TransactionID
	for i := range xid {
		xid[i] = byte(rand.Uint32())
	}

	return xid
}

// packet builds a packet to all servers. secs is the time since the first one, in seconds as RFC 2131 wants it.
func (c *Client) packet(
	kind dhcpv4.MessageType, xid dhcpv4.TransactionID, since time.Duration,
) (*dhcpv4.DHCPv4, error) {
	modifiers := append([]dhcpv4.Modifier{
		dhcpv4.WithTransactionID(xid),
		dhcpv4.WithHwAddr(c.MAC),
		dhcpv4.WithBroadcast(!c.Unicast),
		dhcpv4.WithMessageType(kind),
	}, c.Options...)

	packet, err := dhcpv4.New(modifiers...)
	if err != nil {
		return nil, fmt.Errorf("build DHCP packet: %w", err)
	}

	packet.NumSeconds = uint16(since / time.Second)

	return packet, nil
}

// receive returns the next packet of the conversation, or nil when the time is over.
func (c *Client) receive(
	ctx context.Context, until time.Time, xid dhcpv4.TransactionID, kinds ...dhcpv4.MessageType,
) (*dhcpv4.DHCPv4, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	if err := c.Conn.SetDeadline(until); err != nil {
		return nil, err
	}

	for buf := make([]byte, 2048); ; {
		length, _, err := c.Conn.Receive(buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}

		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil, nil
		}

		if err != nil {
			return nil, fmt.Errorf("receive DHCP packet: %w", err)
		}

		packet, err := dhcpv4.FromBytes(buf[:length])
		if err != nil || packet.TransactionID != xid || packet.ClientHWAddr.String() != c.MAC.String() {
			continue // somebody else's
		}

		for _, kind := range kinds {
			if packet.MessageType() == kind && (c.Drop == nil || !c.Drop()) {
				return packet, nil
			}
		}
	}
}

// Prefix is the address that an acknowledgement gives, with its mask. Without a mask it is a host's.
func Prefix(ack *dhcpv4.DHCPv4) (netip.Prefix, error) {
	address, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || address.IsUnspecified() {
		return netip.Prefix{}, fmt.Errorf("acknowledged address %s: not an IPv4 address", ack.YourIPAddr)
	}

	bits := 32
	if mask := ack.SubnetMask(); mask != nil {
		bits, _ = mask.Size()
	}

	return netip.PrefixFrom(address, bits), nil
}
