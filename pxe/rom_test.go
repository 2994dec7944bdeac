// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	pin "github.com/pin/tftp/v3"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// bastion is the loopback address servers under test use; machines have others.
var bastion = netip.MustParseAddr("127.77.0.2")

// freePorts finds ports that nobody uses on the bastion's address.
func freePorts(t testing.TB) Ports {
	t.Helper()
	var held []*net.UDPConn // until all are found, so that none is found twice
	defer func() {
		for _, udp := range held {
			_ = udp.Close()
		}
	}()
	free := func() int {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: bastion.AsSlice()})
		require.NoError(t, err)
		held = append(held, udp)
		return udp.LocalAddr().(*net.UDPAddr).Port
	}
	return Ports{DHCP: free(), Proxy: free(), TFTP: free(), HTTP: free()}
}

// run starts a server and stops it when the test ends.
func run(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	ipxeDir, files := testDir(t)
	config := Config{
		Interfaces: []string{"lo"}, Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files,
		Machines: []Machine{{Name: "node1", MACs: []net.HardwareAddr{macOne}}, {Name: "node2", MACs: []net.HardwareAddr{macTwo}}},
		Log:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	server, err := New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	select {
	case <-server.Ready():
	case err := <-done:
		t.Fatalf("server ended: %v", err)
	}
	return server
}

// rom is a machine's firmware behind a relay, which shares the machine's loopback address.
type rom struct {
	t      testing.TB
	addr   netip.Addr
	ports  Ports
	mac    net.HardwareAddr
	client *http.Client
}

func newROM(t testing.TB, s *Server, addr string, mac net.HardwareAddr) *rom {
	t.Helper()
	r := &rom{t: t, addr: netip.MustParseAddr(addr), ports: s.config.Ports, mac: mac}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: r.addr.AsSlice()}}
	r.client = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	return r
}

// exchange sends a packet from a port of the machine's address and returns the answer; nil when none came.
func (r *rom) exchange(fromPort, toPort int, p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: r.addr.AsSlice(), Port: fromPort})
	require.NoError(r.t, err)
	defer conn.Close()
	_, err = conn.WriteToUDPAddrPort(p.ToBytes(), netip.AddrPortFrom(bastion, uint16(toPort)))
	require.NoError(r.t, err)
	require.NoError(r.t, conn.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	buffer := make([]byte, 2048)
	n, from, err := conn.ReadFromUDPAddrPort(buffer)
	if err != nil {
		return nil
	}
	require.Equal(r.t, netip.AddrPortFrom(bastion, uint16(toPort)), from, "answers come from the server's own address")
	answer, err := dhcpv4.FromBytes(buffer[:n])
	require.NoError(r.t, err)
	return answer
}

func (r *rom) packet(message dhcpv4.MessageType, arch uint16, userClass string) *dhcpv4.DHCPv4 {
	p, err := dhcpv4.New(dhcpv4.WithHwAddr(r.mac), dhcpv4.WithMessageType(message),
		dhcpv4.WithGeneric(dhcpv4.OptionClassIdentifier, []byte("PXEClient")),
		dhcpv4.WithGeneric(dhcpv4.OptionClientSystemArchitectureType, []byte{0, byte(arch)}))
	require.NoError(r.t, err)
	if userClass != "" {
		p.UpdateOption(dhcpv4.OptUserClass(userClass))
	}
	return p
}

// discover asks through the relay.
func (r *rom) discover(arch uint16, userClass string) *dhcpv4.DHCPv4 {
	p := r.packet(dhcpv4.MessageTypeDiscover, arch, userClass)
	p.GatewayIPAddr = r.addr.AsSlice()
	p.UpdateOption(dhcpv4.OptRelayAgentInfo(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(1), []byte("port 7"))))
	return r.exchange(r.ports.DHCP, r.ports.DHCP, p)
}

func (r *rom) tftp(name string) ([]byte, error) {
	client, err := pin.NewClient(netip.AddrPortFrom(bastion, uint16(r.ports.TFTP)).String())
	require.NoError(r.t, err)
	require.NoError(r.t, client.SetLocalAddr(r.addr.String()))
	client.SetBlockSize(1468)
	transfer, err := client.Receive(name, "octet")
	if err != nil {
		return nil, err
	}
	var got bytes.Buffer
	_, err = transfer.WriteTo(&got)
	return got.Bytes(), err
}

func (r *rom) get(url string) (int, []byte) {
	response, err := r.client.Get(url)
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, body
}

// boot goes the whole way: loader, iPXE, script, and what the script says.
func (r *rom) boot(arch uint16) (loader, script []byte) {
	offer := r.discover(arch, "")
	require.NotNil(r.t, offer)
	if !offer.Options.Has(dhcpv4.OptionVendorSpecificInformation) { // as EDK2 does
		ask := r.packet(dhcpv4.MessageTypeRequest, arch, "")
		ask.ClientIPAddr = r.addr.AsSlice()
		offer = r.exchange(0, r.ports.Proxy, ask)
		require.NotNil(r.t, offer)
		require.Equal(r.t, dhcpv4.MessageTypeAck, offer.MessageType())
	}
	loader, err := r.tftp(offer.BootFileName)
	require.NoError(r.t, err)
	offer = r.discover(arch, "iPXE")
	require.NotNil(r.t, offer)
	status, script := r.get(offer.BootFileName)
	require.Equal(r.t, http.StatusOK, status)
	return loader, script
}

// waitForStage waits for what the server remembers after it has answered.
func waitForStage(t testing.TB, s *Server, name string, stage Stage) Sighting {
	t.Helper()
	var found Sighting
	require.Eventually(t, func() bool {
		for _, seen := range s.Sightings() {
			if seen.Machine == name {
				found = seen
			}
		}
		return found.Stage == stage
	}, 5*time.Second, 5*time.Millisecond, "stage %s", stage)
	return found
}

// discoverUnlessIgnored spares the wait for answers that will not come.
func (r *rom) discoverUnlessIgnored(s *Server, arch uint16, class, userClass string) *dhcpv4.DHCPv4 {
	p := r.packet(dhcpv4.MessageTypeDiscover, arch, userClass)
	p.UpdateOption(dhcpv4.OptClassIdentifier(class))
	p.NumSeconds = 4
	if !r.isAnswered(s, p, false) {
		return nil
	}
	p.GatewayIPAddr = r.addr.AsSlice()
	offer := r.exchange(r.ports.DHCP, r.ports.DHCP, p)
	require.NotNil(r.t, offer)
	return offer
}

// isAnswered asks a server of the same configuration without its sockets.
func (r *rom) isAnswered(s *Server, p *dhcpv4.DHCPv4, toBoot bool) bool {
	service := dhcp.ServiceDHCP
	if toBoot {
		service = dhcp.ServiceBoot
	}
	request, err := dhcp.Parse(p.ToBytes(), netip.AddrPortFrom(r.addr, 68), service)
	require.NoError(r.t, err)
	twin, err := New(s.config)
	require.NoError(r.t, err)
	b, err := twin.prepare()
	require.NoError(r.t, err)
	defer b.close()
	_, answer := b.decide(factsOf(request), b.base(bastion))
	return answer.Action != Ignore
}

// fileOf is the boot file of an answer, wherever it stands.
func fileOf(p *dhcpv4.DHCPv4) string {
	if file := strings.TrimRight(p.BootFileNameOption(), "\x00"); file != "" {
		return file
	}
	return p.BootFileName
}

// bootFile is what firmware that boots by HTTP is told.
func (r *rom) bootFile(arch uint16) string {
	p := r.packet(dhcpv4.MessageTypeDiscover, arch, "")
	p.UpdateOption(dhcpv4.OptClassIdentifier("HTTPClient:Arch:00016:UNDI:003000"))
	p.GatewayIPAddr = r.addr.AsSlice()
	offer := r.exchange(r.ports.DHCP, r.ports.DHCP, p)
	require.NotNil(r.t, offer)
	require.Equal(r.t, "HTTPClient", offer.ClassIdentifier())
	return fileOf(offer)
}
