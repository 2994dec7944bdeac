// SPDX-License-Identifier: Apache-2.0

package dhcp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
)

var (
	client = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
	site   = net.IPv4(10, 77, 0, 1)
	proxy  = net.IPv4(10, 77, 0, 2)
)

// script is a network on which each packet of the client gets prepared answers.
type script struct {
	answer  func(request *dhcpv4.DHCPv4) []*dhcpv4.DHCPv4
	waiting chan []byte
	until   chan time.Time
	sent    []*dhcpv4.DHCPv4
}

func newScript(answer func(*dhcpv4.DHCPv4) []*dhcpv4.DHCPv4) *script {
	return &script{answer: answer, waiting: make(chan []byte, 100), until: make(chan time.Time, 100)}
}

func (s *script) Send(packet []byte) error {
	request, err := dhcpv4.FromBytes(packet)
	if err != nil {
		return err
	}

	s.sent = append(s.sent, request)
	for _, reply := range s.answer(request) {
		s.waiting <- reply.ToBytes()
	}

	return nil
}

func (s *script) Receive(buf []byte) (int, netip.AddrPort, error) {
	deadline := time.Now()
	if len(s.until) > 0 {
		deadline = <-s.until
	}

	select {
	case packet := <-s.waiting:
		return copy(buf, packet), netip.AddrPort{}, nil
	case <-time.After(min(time.Until(deadline), 10*time.Millisecond)):
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	}
}

func (s *script) SetDeadline(t time.Time) error {
	s.until <- t

	return nil
}

func reply(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType, server net.IP, change ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	packet, err := dhcpv4.NewReplyFromRequest(request, append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)),
	}, change...)...)
	if err != nil {
		panic(err)
	}

	return packet
}

func address(packet *dhcpv4.DHCPv4) { packet.YourIPAddr = net.IPv4(10, 77, 0, 100) }

func pxe(packet *dhcpv4.DHCPv4) { packet.UpdateOption(dhcpv4.OptClassIdentifier("PXEClient")) }

func TestDiscoverCollectsWhatTheClientWants(t *testing.T) {
	plain := func(r *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 { return reply(r, dhcpv4.MessageTypeOffer, site, address) }
	boot := func(r *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 { return reply(r, dhcpv4.MessageTypeOffer, proxy, pxe) }
	both := func(r *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 { return reply(r, dhcpv4.MessageTypeOffer, site, address, pxe) }
	alien := func(r *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
		packet := plain(r)
		packet.TransactionID[0]++

		return packet
	}

	type makers []func(*dhcpv4.DHCPv4) *dhcpv4.DHCPv4

	for _, tc := range []struct {
		name         string
		offers       makers
		want, insist bool
		sent         int
		proxy        bool
		err          error
	}{
		{name: "an address alone", offers: makers{plain}, sent: 1},
		{name: "an address, whoever else speaks", offers: makers{boot, plain}, sent: 1, proxy: true},
		{name: "a proxy before the address", offers: makers{boot, plain}, want: true, sent: 1, proxy: true},
		{name: "a proxy after the address", offers: makers{plain, boot}, want: true, sent: 1, proxy: true},
		{name: "no proxy: iPXE goes on", offers: makers{plain}, want: true, sent: 1},
		{name: "no proxy: firmware asks again", offers: makers{plain}, want: true, insist: true, sent: 4},
		{name: "one server for both", offers: makers{both}, want: true, insist: true, sent: 1},
		{name: "somebody else's answer", offers: makers{alien}, sent: 4, err: dhcp.ErrNoOffer},
		{name: "a proxy alone", offers: makers{boot}, want: true, sent: 4, err: dhcp.ErrNoOffer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			network := newScript(func(r *dhcpv4.DHCPv4) (replies []*dhcpv4.DHCPv4) {
				for _, offer := range tc.offers {
					replies = append(replies, offer(r))
				}

				return replies
			})
			c := dhcp.Client{
				Conn: network, MAC: client, Clock: clock.Clock{Speed: 1000}, WantProxy: tc.want, InsistOnProxy: tc.insist,
			}

			offers, err := c.Discover(t.Context())
			require.ErrorIs(t, err, tc.err)
			require.Len(t, network.sent, tc.sent)

			if err == nil {
				require.Equal(t, "10.77.0.100", offers.Address.YourIPAddr.String())
				require.Equal(t, tc.proxy, offers.Proxy != nil)
			}

			for i, packet := range network.sent {
				require.Equal(t, []uint16{0, 4, 12, 28}[i], packet.NumSeconds, "as EDK2 counts")
				require.True(t, packet.IsBroadcast())
			}
		})
	}
}

func TestRequestListensOnlyToTheServerItAsked(t *testing.T) {
	var kind dhcpv4.MessageType

	network := newScript(func(r *dhcpv4.DHCPv4) []*dhcpv4.DHCPv4 {
		return []*dhcpv4.DHCPv4{
			reply(r, dhcpv4.MessageTypeAck, proxy, pxe),
			reply(r, kind, site, address, dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
				dhcpv4.WithOption(dhcpv4.OptMessage("go away"))),
		}
	})
	c := dhcp.Client{Conn: network, MAC: client, Clock: clock.Clock{Speed: 1000}}

	offer, err := dhcpv4.New(dhcpv4.WithOption(dhcpv4.OptServerIdentifier(site)), address)
	require.NoError(t, err)

	kind = dhcpv4.MessageTypeAck
	ack, err := c.Request(t.Context(), offer)
	require.NoError(t, err)
	prefix, err := dhcp.Prefix(ack)
	require.NoError(t, err)
	require.Equal(t, "10.77.0.100/24", prefix.String())
	require.Equal(t, "10.77.0.100", network.sent[0].RequestedIPAddress().String())

	kind = dhcpv4.MessageTypeNak
	network.waiting = make(chan []byte, 100)
	_, err = c.Request(t.Context(), offer)
	require.ErrorIs(t, err, dhcp.ErrRefused)
	require.ErrorContains(t, err, "go away")

	c.Drop = func() bool { return true }
	_, err = c.Request(t.Context(), offer)
	require.ErrorContains(t, err, "no acknowledgement (PXE-E55)")

	nameless, err := dhcpv4.New(address)
	require.NoError(t, err)
	_, err = c.Request(t.Context(), nameless)
	require.ErrorContains(t, err, "no server identifier")
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	cut := errors.New("the power was cut")
	ctx, cancel := context.WithCancelCause(t.Context())
	network := newScript(func(*dhcpv4.DHCPv4) []*dhcpv4.DHCPv4 {
		cancel(cut)

		return nil
	})

	_, err := (&dhcp.Client{Conn: network, MAC: client}).Discover(ctx)
	require.ErrorIs(t, err, cut)
}
