// SPDX-License-Identifier: Apache-2.0

package dhcp_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
)

func leased(packet *dhcpv4.DHCPv4) {
	packet.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(24, 32)))
	packet.UpdateOption(dhcpv4.OptIPAddressLeaseTime(time.Hour))
}

func TestServerThatGivesAddressAndBootFileWins(t *testing.T) {
	for _, boot := range []string{"PXEClient", "HTTPClient"} {
		network := newScript(func(r *dhcpv4.DHCPv4) []*dhcpv4.DHCPv4 {
			return []*dhcpv4.DHCPv4{
				reply(r, dhcpv4.MessageTypeOffer, site, address),
				reply(r, dhcpv4.MessageTypeOffer, proxy, func(p *dhcpv4.DHCPv4) {
					p.YourIPAddr = net.IPv4(10, 77, 0, 200)
					p.UpdateOption(dhcpv4.OptClassIdentifier(boot))
				}),
			}
		})
		c := dhcp.Client{Conn: network, MAC: client, Clock: clock.Clock{Speed: 1000}, WantProxy: true, InsistOnProxy: true}

		offers, err := c.Discover(t.Context())
		require.NoError(t, err)
		require.Equal(t, "10.77.0.200", offers.Address.YourIPAddr.String(), boot)
		require.Nil(t, offers.Proxy)
		require.Len(t, network.sent, 1)
	}
}

// pool is a server that gives out one address after another.
func pool(r *dhcpv4.DHCPv4, declined *int) []*dhcpv4.DHCPv4 {
	kind := dhcpv4.MessageTypeOffer

	switch r.MessageType() {
	case dhcpv4.MessageTypeRequest:
		kind = dhcpv4.MessageTypeAck
	case dhcpv4.MessageTypeDecline:
		*declined++

		return nil
	}

	return []*dhcpv4.DHCPv4{reply(r, kind, site, leased, func(p *dhcpv4.DHCPv4) {
		p.YourIPAddr = net.IPv4(10, 77, 0, byte(100+*declined))
	})}
}

func TestAnAddressInUseIsDeclined(t *testing.T) {
	declined := 0
	network := newScript(func(r *dhcpv4.DHCPv4) []*dhcpv4.DHCPv4 { return pool(r, &declined) })

	var probed []string

	c := dhcp.Client{
		Conn: network, MAC: client, Clock: clock.Clock{Speed: 1000},
		Probe: func(_ context.Context, address netip.Addr) (bool, error) {
			probed = append(probed, address.String())

			return len(probed) <= 2, nil
		},
	}

	lease, err := c.Lease(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"10.77.0.100", "10.77.0.101", "10.77.0.102"}, probed)
	require.Equal(t, dhcp.Lease{
		Address: netip.MustParsePrefix("10.77.0.102/24"), Server: netip.MustParseAddr("10.77.0.1"),
		Duration: time.Hour, Renew: 30 * time.Minute, Rebind: 52*time.Minute + 30*time.Second,
	}, lease)

	decline := network.sent[2]
	require.Equal(t, dhcpv4.MessageTypeDecline, decline.MessageType())
	require.Equal(t, "10.77.0.100", decline.RequestedIPAddress().String())
	require.Equal(t, "10.77.0.1", decline.ServerIdentifier().String())
	require.True(t, decline.ClientIPAddr.IsUnspecified())

	c.Probe = func(context.Context, netip.Addr) (bool, error) { return true, nil }
	_, err = c.Lease(t.Context())
	require.ErrorIs(t, err, dhcp.ErrInUse)
}

func TestRenewAsksTheServerAndReleaseTellsIt(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	own, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Close()) })

	got := make(chan *dhcpv4.DHCPv4, 10)

	go func() {
		buf := make([]byte, 2000)

		for n := 0; ; n++ {
			length, peer, err := server.ReadFrom(buf)
			if err != nil {
				return
			}

			request, err := dhcpv4.FromBytes(buf[:length])
			if err != nil {
				return
			}

			got <- request

			kind := dhcpv4.MessageTypeAck
			if n > 0 {
				kind = dhcpv4.MessageTypeNak
			}

			_, _ = server.WriteTo(reply(request, kind, site, leased, address).ToBytes(), peer)
		}
	}()

	lease := dhcp.Lease{Address: netip.MustParsePrefix("10.77.0.100/24"), Server: netip.MustParseAddr("10.77.0.1")}
	c := dhcp.Client{
		Conn: dhcp.Unicast(own, server.LocalAddr().(*net.UDPAddr).AddrPort()), MAC: client, Clock: clock.Clock{Speed: 1000},
	}

	renewed, err := c.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, lease.Address, renewed.Address)
	require.Equal(t, time.Hour, renewed.Duration)

	request := <-got
	require.Equal(t, dhcpv4.MessageTypeRequest, request.MessageType())
	require.Equal(t, "10.77.0.100", request.ClientIPAddr.String())
	require.False(t, request.IsBroadcast())
	require.Nil(t, request.ServerIdentifier(), "RFC 2131 section 4.3.2")
	require.Nil(t, request.RequestedIPAddress(), "RFC 2131 section 4.3.2")

	_, err = c.Renew(t.Context(), lease)
	require.ErrorIs(t, err, dhcp.ErrRefused)
	<-got

	require.NoError(t, c.Release(lease))
	release := <-got
	require.Equal(t, dhcpv4.MessageTypeRelease, release.MessageType())
	require.Equal(t, "10.77.0.100", release.ClientIPAddr.String())
	require.Equal(t, "10.77.0.1", release.ServerIdentifier().String())
}
