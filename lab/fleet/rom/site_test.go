// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/pin/tftp/v3"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// bootSite is a small boot server for these tests: a proxy on the DHCP port and on 4011, TFTP, and HTTP.
type bootSite struct {
	t       *testing.T
	address netip.Addr
	ports   lan.Ports
	web     *httptest.Server
	files   map[string][]byte // by TFTP name and HTTP path
	network *lan.Relay

	option43 []byte // of proxy offers
	noFile   bool   // offers name no file: it comes from port 4011
	script   string // what iPXE is told to boot; empty: the URL of /boot.ipxe

	mu       sync.Mutex
	proxied  []*dhcpv4.DHCPv4 // requests that came to port 4011
	requests []string         // HTTP paths
}

// newBootSite starts it on loopback addresses under 127.prefix, after it was told what to serve.
func newBootSite(t *testing.T, prefix byte, prepare func(*bootSite)) *bootSite {
	t.Helper()

	s := &bootSite{t: t, address: netip.AddrFrom4([4]byte{127, prefix, 0, 2}), files: map[string][]byte{}}
	prepare(s)

	dhcpConn := s.listen(0)
	s.ports.DHCP = port(dhcpConn)

	proxyConn := s.listen(0)
	s.ports.Proxy = port(proxyConn)

	tftpConn := s.listen(0)
	s.ports.TFTP = port(tftpConn)

	s.serveHTTP()
	s.serveTFTP(tftpConn)
	s.serve(dhcpConn, s.offer)
	s.serve(proxyConn, s.acknowledge)

	own := netip.AddrFrom4([4]byte{127, prefix, 0, 1})
	site := &sitesim.DHCP{Server: own, First: own.Next().Next(), Last: netip.AddrFrom4([4]byte{127, prefix, 0, 99}), Bits: 24}

	siteConn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: own.AsSlice(), Port: s.ports.DHCP})
	require.NoError(t, err)

	go func() { _ = site.Serve(t.Context(), siteConn) }()

	s.network, err = lan.NewRelay(lan.RelayConfig{
		Agents: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, prefix, 1, 0}), 24),
		Servers: []netip.AddrPort{
			netip.AddrPortFrom(s.address, uint16(s.ports.DHCP)), netip.AddrPortFrom(own, uint16(s.ports.DHCP)),
		},
		Ports: s.ports,
	})
	require.NoError(t, err)

	return s
}

func (s *bootSite) listen(number int) *net.UDPConn {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: s.address.AsSlice(), Port: number})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })

	return conn
}

func port(conn net.PacketConn) int { return conn.LocalAddr().(*net.UDPAddr).Port }

func (s *bootSite) serve(conn net.PacketConn, handler server4.Handler) {
	server, err := server4.NewServer("", nil, handler, server4.WithConn(conn))
	require.NoError(s.t, err)

	go func() { _ = server.Serve() }()
}

func (s *bootSite) serveTFTP(conn net.PacketConn) {
	server := tftp.NewServer(func(name string, to io.ReaderFrom) error {
		content := s.files[name]
		to.(tftp.OutgoingTransfer).SetSize(int64(len(content)))
		_, err := to.ReadFrom(bytes.NewReader(content))

		return err
	}, nil)
	server.SetBlockSize(1428)
	server.SetTimeout(300 * time.Millisecond)
	server.SetRetries(3)

	go func() { _ = server.Serve(conn.(*net.UDPConn)) }()

	s.t.Cleanup(server.Shutdown)
}

func (s *bootSite) serveHTTP() {
	s.web = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.Path)
		s.mu.Unlock()

		content, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)

			return
		}

		_, _ = w.Write(content)
	}))
	require.NoError(s.t, s.web.Listener.Close())

	var err error
	s.web.Listener, err = net.Listen("tcp4", netip.AddrPortFrom(s.address, 0).String())
	require.NoError(s.t, err)
	s.web.Start()
	s.t.Cleanup(s.web.Close)
}

// boot is the answer to a client: a script's URL for iPXE, a loader for firmware.
func (s *bootSite) boot(request *dhcpv4.DHCPv4) string {
	switch {
	case string(request.Options.Get(dhcpv4.OptionUserClassInformation)) == "iPXE":
		if s.script != "" {
			return s.script
		}

		return s.web.URL + "/boot.ipxe"
	case request.ClientArch()[0] == 7:
		return "ipxe.efi"
	default:
		return "undionly.kpxe"
	}
}

func (s *bootSite) offer(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	if request.MessageType() != dhcpv4.MessageTypeDiscover {
		return
	}

	s.reply(conn, peer, request, dhcpv4.MessageTypeOffer, s.noFile)
}

func (s *bootSite) acknowledge(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	s.mu.Lock()
	s.proxied = append(s.proxied, request)
	s.mu.Unlock()
	s.reply(conn, peer, request, dhcpv4.MessageTypeAck, false)
}

func (s *bootSite) reply(
	conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4, kind dhcpv4.MessageType, noFile bool,
) {
	reply, err := dhcpv4.NewReplyFromRequest(request,
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(s.address.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.address.AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient")))
	if err != nil {
		panic(err)
	}

	if s.option43 != nil {
		reply.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, s.option43))
	}

	if !noFile {
		reply.BootFileName = s.boot(request)
	}

	_, _ = conn.WriteTo(reply.ToBytes(), peer)
}

// machine plugs in a machine with this firmware.
func (s *bootSite) machine(firmware rom.Firmware) *rom.ROM {
	port, err := s.network.Attach(s.t.Context(), "m1", net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1})
	require.NoError(s.t, err)

	return &rom.ROM{
		Machine: rom.Machine{UUID: [16]byte{0x44, 0x33, 0x22, 0x11, 0x66, 0x55}, Serial: "S1", Firmware: firmware},
		Port:    port,
		Clock:   clock.Clock{Speed: 50},
	}
}
