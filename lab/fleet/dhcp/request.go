// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// ErrRefused means that the server said DHCPNAK.
var ErrRefused = errors.New("refused (DHCPNAK)")

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

		for _, change := range c.RequestOptions {
			change(packet)
		}

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
			return nil, fmt.Errorf("request %s from %s: %w: %s",
				offer.YourIPAddr, packet.ServerIdentifier(), ErrRefused, packet.Message())
		}

		return packet, nil
	}
}
