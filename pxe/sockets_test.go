// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func openUDP(t *testing.T, network, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenPacket(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // some are closed by who got them
	return conn.(*net.UDPConn)
}

func openTCP(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() }) // some are closed by who got them
	return listener
}

func TestMachinesAreToldThePortOfASocket(t *testing.T) {
	web := openTCP(t, "tcp4", "127.77.0.2:0")
	port := web.Addr().(*net.TCPAddr).Port
	server, err := New(Config{Interfaces: []string{"lo"}, Sockets: Sockets{HTTP: []net.Listener{web}}, Ports: Ports{DHCP: 1067}})
	require.NoError(t, err)
	require.Equal(t, Ports{DHCP: 1067, Proxy: 4011, TFTP: 69, HTTP: port}, server.config.Ports)
	base := (&booter{server: server}).base(bastion)
	require.Equal(t, netip.AddrPortFrom(bastion, uint16(port)).String(), base.Host)
}

func TestSocketsThatCanNotBeServedAreRefused(t *testing.T) {
	one, other := openUDP(t, "udp4", "127.0.0.1:0"), openUDP(t, "udp4", "127.0.0.1:0")
	for name, tc := range map[string]struct {
		sockets Sockets
		ports   Ports
		want    string
	}{
		"IPv6":         {sockets: Sockets{TFTP: []*net.UDPConn{openUDP(t, "udp", "[::]:0")}}, want: `"tftp": [::]:`},
		"two ports":    {sockets: Sockets{DHCP: []*net.UDPConn{one, other}}, want: `"dhcp": ` + other.LocalAddr().String() + " is not on port"},
		"another port": {sockets: Sockets{Proxy: []*net.UDPConn{one}}, ports: Ports{Proxy: 1}, want: "is not on port 1 as"},
		"no port at all": {
			sockets: Sockets{HTTP: []net.Listener{openTCP(t, "unix", filepath.Join(t.TempDir(), "s"))}},
			want:    `"http": `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{Interfaces: []string{"lo"}, Sockets: tc.sockets, Ports: tc.ports})
			var wrong *SocketError
			require.ErrorAs(t, err, &wrong)
			require.ErrorContains(t, err, tc.want)
			require.NotEmpty(t, wrong.Hint())
		})
	}
}
