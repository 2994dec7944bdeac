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
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	pin "github.com/pin/tftp/v3"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/ipxe"
)

// bastion is the loopback address servers under test use; machines have others.
var bastion = netip.MustParseAddr("127.77.0.2")

// freePorts finds ports that nobody uses on the bastion's address.
func freePorts(t testing.TB) Ports {
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
	ipxeDir, files := testDir(t)
	config := Config{
		Interface: "lo", Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files,
		Machines: []Machine{{Name: "node1", MACs: []net.HardwareAddr{macOne}}, {Name: "node2", MACs: []net.HardwareAddr{macTwo}}},
		Log:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	server, err := New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
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

func TestMachinesBootOverLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		arch   uint16
		loader string
	}{
		"BIOS": {0, "undionly.kpxe"}, "UEFI": {7, "snponly.efi"}, "UEFI that says EBC": {9, "snponly.efi"},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, nil)
			r := newROM(t, s, "127.77.0.11", macOne)
			loader, script := r.boot(c.arch)
			want, err := os.ReadFile(filepath.Join(s.config.IPXEDir, c.loader))
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, loader))

			for _, line := range []struct{ command, path string }{
				{"kernel", s.config.Assets.Kernel}, {"initrd", s.config.Assets.Initramfs},
			} {
				found := regexp.MustCompile(`(?m)^` + line.command + ` (\S+)`).FindSubmatch(script)
				require.NotNil(t, found, "%s", script)
				status, got := r.get(string(found[1]))
				require.Equal(t, http.StatusOK, status)
				want, err := os.ReadFile(line.path)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got), line.command)
			}
			require.Contains(t, string(script), " initrd=initramfs talos.platform=metal console=tty0 ")

			seen := waitForStage(t, s, "node1", StageInitramfs)
			require.Equal(t, r.addr, seen.LastAddr)
			require.Equal(t, macOne, seen.MAC)
			require.Len(t, s.Sightings(), 1)
		})
	}
}

// waitForStage waits for what the server remembers after it has answered.
func waitForStage(t testing.TB, s *Server, name string, stage Stage) Sighting {
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

func TestRelaysGetTheirInformationBack(t *testing.T) {
	s := run(t, nil)
	offer := newROM(t, s, "127.77.0.11", macOne).discover(0, "")
	require.NotNil(t, offer)
	require.Equal(t, "127.77.0.11", offer.GatewayIPAddr.String())
	require.Equal(t, []byte("\x01\x06port 7"), offer.Options.Get(dhcpv4.OptionRelayAgentInformation))
	require.Equal(t, bastion.String(), offer.ServerIPAddr.String())
	require.True(t, offer.IsBroadcast(), "the relay can't send to yiaddr 0.0.0.0")
}

func TestStrangersAreSeenButNotAnswered(t *testing.T) {
	s := run(t, nil)
	r := newROM(t, s, "127.77.0.66", net.HardwareAddr{2, 0, 0, 0, 0, 0x66})
	require.Nil(t, r.discover(0, ""))
	status, _ := r.get("http://" + netip.AddrPortFrom(bastion, uint16(r.ports.HTTP)).String() + "/boot.ipxe?mac=" + r.mac.String())
	require.Equal(t, http.StatusNotFound, status)
	seen := s.Sightings()
	require.Len(t, seen, 1)
	require.Empty(t, seen[0].Machine)
	require.Equal(t, StageSeen, seen[0].Stage)
	for _, event := range seen[0].Events {
		require.False(t, event.Answered)
		require.Equal(t, "not a machine of the site", event.Reason)
	}
	require.Len(t, seen[0].Events, 2)
}

func TestAcceptedStrangersBoot(t *testing.T) {
	s := run(t, func(c *Config) { c.AcceptUnknown = true })
	_, script := newROM(t, s, "127.77.0.66", net.HardwareAddr{2, 0, 0, 0, 0, 0x66}).boot(7)
	require.Contains(t, string(script), "cozy-install: 02:00:00:00:00:66: booting Talos Linux")
}

func TestInstalledMachineIsSentToItsDisk(t *testing.T) {
	s := run(t, nil)
	one, two := newROM(t, s, "127.77.0.11", macOne), newROM(t, s, "127.77.0.12", macTwo)
	s.BootFromDisk("node1")
	_, script := one.boot(0)
	require.True(t, strings.HasSuffix(string(script), "\nexit 1\n"), "%s", script)
	require.NotContains(t, string(script), "kernel")
	waitForStage(t, s, "node1", StageDisk)
	_, script = two.boot(0)
	require.Contains(t, string(script), "kernel http://")
}

func TestMachineKnownBySerialNumberOnly(t *testing.T) {
	s := run(t, func(c *Config) { c.Machines = []Machine{{Name: "node1", Serial: "SN 1/2"}} })
	r := newROM(t, s, "127.77.0.11", macOne)
	_, script := r.boot(7)
	link := regexp.MustCompile(`(?m)^chain .*(http://\S+)\$\{serial:uristring\}$`).FindSubmatch(script)
	require.NotNil(t, link, "%s", script)
	status, script := r.get(string(link[1]) + url.QueryEscape("SN 1/2"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(script), "cozy-install: node1: booting Talos Linux")
	status, _ = r.get(string(link[1]) + "another")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "node1", s.Sightings()[0].Machine)
}

// Whatever DHCP may advertise must be there to fetch.
func TestEveryAdvertisedFileIsServed(t *testing.T) {
	s := run(t, nil)
	r := newROM(t, s, "127.77.0.11", macOne)
	advertised := map[string]bool{}
	for arch := range uint16(64) {
		for _, userClass := range []string{"", "iPXE", "PXEROM"} {
			if offer := r.discoverUnlessIgnored(s, arch, userClass); offer != nil {
				advertised[offer.BootFileName] = true
			}
		}
	}
	require.Len(t, advertised, 3, "two loaders and a script: %v", advertised)
	for name := range advertised {
		if strings.HasPrefix(name, "http://") {
			status, body := r.get(name)
			require.Equal(t, http.StatusOK, status, name)
			for _, link := range regexp.MustCompile(`http://\S+`).FindAllString(string(body), -1) {
				status, _ := r.get(link)
				require.Equal(t, http.StatusOK, status, link)
			}
			continue
		}
		_, err := r.tftp(name)
		require.NoError(t, err, name)
	}
}

// discoverUnlessIgnored spares the wait for answers that will not come.
func (r *rom) discoverUnlessIgnored(s *Server, arch uint16, userClass string) *dhcpv4.DHCPv4 {
	p := r.packet(dhcpv4.MessageTypeDiscover, arch, userClass)
	request, err := dhcp.Parse(p.ToBytes(), netip.AddrPortFrom(r.addr, 68), dhcp.ServiceDHCP)
	require.NoError(r.t, err)
	if Decide(s.config.Machines[0], factsOf(request), Policy{BIOS: "x", UEFI: "y"}).Action == Ignore {
		return nil
	}
	offer := r.discover(arch, userClass)
	require.NotNil(r.t, offer)
	return offer
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	ipxeDir, files := testDir(t)
	start := func(change func(*Config)) error {
		config := Config{Interface: "lo", Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files}
		change(&config)
		server, err := New(config)
		require.NoError(t, err)
		err = server.Run(t.Context())
		require.Error(t, err)
		select {
		case <-server.Ready():
			t.Fatal("ready after an error")
		default:
		}
		return err
	}

	var noInterface *InterfaceError
	require.ErrorAs(t, start(func(c *Config) { c.Interface = "eth77" }), &noInterface)
	require.Equal(t, "eth77", noInterface.Name)
	require.Contains(t, noInterface.Have, "lo")
	require.Contains(t, noInterface.Hint(), "lo")

	var noLoader *ipxe.MissingError
	require.ErrorAs(t, start(func(c *Config) { c.IPXEDir = t.TempDir() }), &noLoader)

	require.ErrorIs(t, start(func(c *Config) { c.Assets.Kernel += ".gone" }), os.ErrNotExist)
	require.ErrorContains(t, start(func(c *Config) { c.Assets.Cmdline = []string{"a b"} }), `kernel argument "a b"`)
}

func TestPortInUseIsNamed(t *testing.T) {
	first := run(t, nil)
	ports := first.config.Ports
	for service, change := range map[string]func(*Ports){
		"DHCP":             func(p *Ports) { p.DHCP = ports.DHCP },
		"PXE boot service": func(p *Ports) { p.Proxy = ports.Proxy },
		"TFTP":             func(p *Ports) { p.TFTP = ports.TFTP },
		"HTTP":             func(p *Ports) { p.HTTP = ports.HTTP },
	} {
		t.Run(service, func(t *testing.T) {
			config := first.config
			config.Ports = freePorts(t)
			change(&config.Ports)
			second, err := New(config)
			require.NoError(t, err)
			var taken *PortInUseError
			require.ErrorAs(t, second.Run(t.Context()), &taken)
			require.Equal(t, service, taken.Service)
			require.Contains(t, taken.Hint(), "ss -")
		})
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	at := netip.MustParseAddrPort("10.77.0.2:67")
	err := listenError("DHCP", "udp", at, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", os.ErrPermission)})
	var denied *NotPermittedError
	require.ErrorAs(t, err, &denied)
	require.ErrorIs(t, err, os.ErrPermission)
	require.Contains(t, denied.Hint(), "cap_net_bind_service")
}

func TestConfigsThatCannotBe(t *testing.T) {
	for want, config := range map[string]Config{
		`netboot mode "server"`: {Mode: "server"},
		"netboot address ::1":   {Address: netip.IPv6Loopback()},
		"netboot address 0.0":   {Address: netip.IPv4Unspecified()},
		"netboot port 70000":    {Ports: Ports{HTTP: 70000}},
		"has no name":           {Machines: []Machine{{MACs: []net.HardwareAddr{macOne}}}},
		"want six bytes":        {Machines: []Machine{{Name: "n", MACs: []net.HardwareAddr{{1, 2}}}}},
	} {
		_, err := New(config)
		require.ErrorContains(t, err, want)
	}
}

func TestDefaultPortsAreTheRealOnes(t *testing.T) {
	require.Equal(t, Ports{DHCP: 67, Proxy: 4011, TFTP: 69, HTTP: 8080}, Ports{}.withDefaults())
	require.Equal(t, Ports{DHCP: 67, Proxy: 4011, TFTP: 6969, HTTP: 8080}, Ports{TFTP: 6969}.withDefaults())
}

func TestServerRunsOnce(t *testing.T) {
	s := run(t, nil)
	require.ErrorContains(t, s.Run(t.Context()), "it was run before")
}

func TestEndedContextIsNoError(t *testing.T) {
	ipxeDir, files := testDir(t)
	server, err := New(Config{Interface: "lo", Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, server.Run(ctx))
}
