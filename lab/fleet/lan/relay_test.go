// SPDX-License-Identifier: Apache-2.0

package lan_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

func TestRelayForwardsWithItsAddressAndTakesTheAnswerThere(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 77, 9, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })

	at := server.LocalAddr().(*net.UDPAddr).AddrPort()
	r, err := lan.NewRelay(lan.RelayConfig{
		Agents:  netip.MustParsePrefix("127.77.10.0/24"),
		Servers: []netip.AddrPort{at},
		Ports:   lan.Ports{DHCP: int(at.Port())},
	})
	require.NoError(t, err)

	port, err := r.Attach(t.Context(), "m1", mac(1))
	require.NoError(t, err)

	client, err := port.OpenDHCP(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })

	sent := make([]byte, 300)
	require.NoError(t, client.Send(sent))

	buf := make([]byte, 400)
	require.NoError(t, server.SetReadDeadline(time.Now().Add(5*time.Second)))
	length, _, err := server.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	require.Equal(t, 300, length)
	require.Equal(t, byte(1), buf[3], "hops")
	require.Equal(t, []byte{127, 77, 10, 1}, buf[24:28], "giaddr")
	require.Equal(t, make([]byte, 300), sent, "the client's own packet is left as it was")

	// A server answers a relayed client at giaddr and the server's port.
	_, err = server.WriteToUDPAddrPort([]byte("offer"), netip.AddrPortFrom(netip.MustParseAddr("127.77.10.1"), at.Port()))
	require.NoError(t, err)
	require.NoError(t, client.SetDeadline(time.Now().Add(5*time.Second)))
	length, from, err := client.Receive(buf)
	require.NoError(t, err)
	require.Equal(t, "offer", string(buf[:length]))
	require.Equal(t, at, from)
}

func TestRelayRefusesWhatItCannotBe(t *testing.T) {
	_, err := lan.NewRelay(lan.RelayConfig{Agents: netip.MustParsePrefix("10.0.0.0/8")})
	require.ErrorContains(t, err, "not a range of IPv4 loopback addresses")

	r, err := lan.NewRelay(lan.RelayConfig{
		Agents:  netip.MustParsePrefix("127.77.10.0/31"),
		Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:67")},
	})
	require.NoError(t, err)

	port, err := r.Attach(t.Context(), "m1", mac(1))
	require.NoError(t, err)
	require.ErrorContains(t, port.Assign(netip.MustParsePrefix("10.77.0.11/24")), "only 127.0.0.0/8")
	require.Equal(t, netip.MustParseAddr("192.0.2.11"), r.NodeAddress(netip.MustParseAddr("127.77.0.11")))

	_, err = r.Attach(t.Context(), "m2", mac(2))
	require.ErrorContains(t, err, "no relay agent address is left")
}
