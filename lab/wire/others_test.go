// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// routerDHCP starts the site's plain DHCP server on the other end of a wire. It gives addresses from .50 on.
func (s *site) routerDHCP(network *lan.Netns, own netip.Addr) {
	s.t.Helper()

	conn, err := network.Site.ListenDHCP(67)
	require.NoError(s.t, err)

	first, last := own.As4(), own.As4()
	first[3], last[3] = 50, 99
	server := &sitesim.DHCP{Server: own, First: netip.AddrFrom4(first), Last: netip.AddrFrom4(last), Bits: 24}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)

	go func() { ended <- server.Serve(ctx, conn) }()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
}

// foreignPXE starts another site's ProxyDHCP server on the wire.
func (s *site) foreignPXE(own netip.Prefix) {
	s.t.Helper()

	port := s.attach("52:54:00:66:00:01")
	require.NoError(s.t, port.Assign(own))
	conn, err := port.(interface {
		ListenDHCP(port int) (*net.UDPConn, error)
	}).ListenDHCP(67)
	require.NoError(s.t, err)

	answer := func(conn net.PacketConn, _ net.Addr, request *dhcpv4.DHCPv4) {
		if request.MessageType() != dhcpv4.MessageTypeDiscover || request.ClassIdentifier() == "" {
			return
		}

		offer, err := dhcpv4.NewReplyFromRequest(request, dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(own.Addr().AsSlice())),
			dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient")), dhcpv4.WithServerIP(own.Addr().AsSlice()))
		if err != nil {
			return
		}

		offer.BootFileName = "foreign.kpxe"
		_, _ = conn.WriteTo(offer.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68}) // the machine asks again
	}
	server, err := server4.NewServer("", nil, answer, server4.WithConn(conn))
	require.NoError(s.t, err)

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve() // ends with the connection
	}()
	s.t.Cleanup(func() {
		require.NoError(s.t, conn.Close())
		<-ended
	})
}

// attach plugs something in.
func (s *site) attach(text string) lan.Port {
	s.t.Helper()

	mac, err := net.ParseMAC(text)
	require.NoError(s.t, err)
	port, err := s.network.Attach(s.t.Context(), text, mac)
	require.NoError(s.t, err)

	return port
}

// clients are a machine's operating system, which asks for an address and nothing else: of all servers, and of one. One
// socket hears broadcasts and what comes to the address.
func (s *site) clients(port lan.Port, server netip.Addr) (all, one *dhcp.Client) {
	s.t.Helper()

	socket, err := port.(interface {
		ListenDHCP(port int) (*net.UDPConn, error)
	}).ListenDHCP(68)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = socket.Close() })

	ask := func(to netip.Addr) *dhcp.Client {
		return &dhcp.Client{Conn: dhcp.Unicast(socket, netip.AddrPortFrom(to, 67)), MAC: port.MAC()}
	}

	return ask(netip.AddrFrom4([4]byte{255, 255, 255, 255})), ask(server)
}
