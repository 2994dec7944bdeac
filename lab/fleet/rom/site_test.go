// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
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
	files   map[string][]byte // by TFTP name and HTTP path
	network *lan.Relay

	option43 []byte // of proxy offers
	noFile   bool   // offers name no file: it comes from port 4011
	script   string // what iPXE is told to boot; empty: the URL of /boot.ipxe
	loader   string // what firmware is told to boot; empty: iPXE for its architecture
	silent   int    // DISCOVERs of firmware that get no proxy offer, the first ones
	single   bool   // one server for addresses and boot files; there is no other
	noAck    bool   // ... which acknowledges without a boot file
	change   func(*dhcpv4.DHCPv4)
	web      *httptest.Server
	answer   func(http.ResponseWriter, *http.Request) bool // may answer instead of the files

	mu       sync.Mutex
	asked    []*dhcpv4.DHCPv4 // DISCOVERs
	proxied  []*dhcpv4.DHCPv4 // requests that came to port 4011
	requests []string         // HTTP paths, with the method where it is not GET
	fetches  []*http.Request
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
	servers := []netip.AddrPort{netip.AddrPortFrom(s.address, uint16(s.ports.DHCP))}

	if !s.single {
		s.serveSite(own)
		servers = append(servers, netip.AddrPortFrom(own, uint16(s.ports.DHCP)))
	}

	var err error

	s.network, err = lan.NewRelay(lan.RelayConfig{
		Agents:  netip.PrefixFrom(netip.AddrFrom4([4]byte{127, prefix, 1, 0}), 24),
		Servers: servers,
		Ports:   s.ports,
	})
	require.NoError(t, err)

	return s
}

// serveSite is the site's own DHCP server.
func (s *bootSite) serveSite(own netip.Addr) {
	last := own.As4()
	last[3] = 99
	site := &sitesim.DHCP{Server: own, First: own.Next().Next(), Last: netip.AddrFrom4(last), Bits: 24}

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: own.AsSlice(), Port: s.ports.DHCP})
	require.NoError(s.t, err)

	go func() { _ = site.Serve(s.t.Context(), conn) }()
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
		content, ok := s.files[name]
		if !ok {
			return errors.New("no such file") // the library says error 1
		}

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
		s.requests = append(s.requests, strings.TrimPrefix(r.Method+" "+r.URL.Path, "GET "))
		s.fetches = append(s.fetches, r)
		s.mu.Unlock()

		if s.answer != nil && s.answer(w, r) {
			return
		}

		content, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)

			return
		}

		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	require.NoError(s.t, s.web.Listener.Close())

	var err error
	s.web.Listener, err = net.Listen("tcp4", netip.AddrPortFrom(s.address, 0).String())
	require.NoError(s.t, err)
	s.web.Start()
	s.t.Cleanup(s.web.Close)
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
