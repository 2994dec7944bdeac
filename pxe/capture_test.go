// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/pxe/dhcp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// serverAddr is the ProxyDHCP server's address in the captures.
var serverAddr = netip.MustParseAddr("10.77.0.2")

// datagram is one UDP packet of a capture.
type datagram struct {
	from, to netip.AddrPort
	payload  []byte
}

// readCapture returns the DHCP packets of one boot of real firmware, on ports 67, 68 and 4011.
func readCapture(t testing.TB, path string) []datagram {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	reader, err := pcapgo.NewReader(file)
	require.NoError(t, err)
	var list []datagram
	for {
		data, _, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, list)
			return list
		}
		require.NoError(t, err)
		packet := gopacket.NewPacket(data, reader.LinkType(), gopacket.Default)
		ip, _ := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp, _ := packet.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if ip == nil || udp == nil || len(udp.Payload) < 240 {
			continue
		}
		at := func(ip net.IP, port layers.UDPPort) netip.AddrPort {
			addr, _ := netip.AddrFromSlice(ip.To4())
			return netip.AddrPortFrom(addr, uint16(port))
		}
		list = append(list, datagram{at(ip.SrcIP, udp.SrcPort), at(ip.DstIP, udp.DstPort), slices.Clone(udp.Payload)})
	}
}

// service says which of our ports a datagram of a capture was sent to; 0 when to none.
func (d datagram) service() dhcp.Service {
	switch {
	case d.payload[0] != byte(dhcpv4.OpcodeBootRequest):
		return 0
	case d.to.Port() == 67:
		return dhcp.ServiceDHCP
	case d.to.Port() == 4011:
		return dhcp.ServiceBoot
	}
	return 0
}

// testDir makes directories with stand-ins for iPXE and the assets of both architectures.
func testDir(t testing.TB) (ipxeDir string, files assets.Assets) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, size int) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte(name+"\n"), size/len(name)), 0o600))
		return name
	}
	for name, size := range map[string]int{"undionly.kpxe": 74_000, "ipxe.pxe": 300_000, "snponly.efi": 170_000, "ipxe-arm64.efi": 1_000_000} {
		write(name, size)
	}
	set := func(arch string) assets.Set {
		return assets.Set{
			Kernel:    write("kernel-"+arch, 300_000),
			Initramfs: write("initramfs-"+arch+".xz", 900_000),
			UKI:       write("metal-"+arch+"-uki.efi", 1_200_000),
			Cmdline:   []string{"talos.platform=metal", "console=tty0"},
		}
	}
	return dir, assets.Assets{Dir: dir, Sets: map[string]assets.Set{assets.AMD64: set(assets.AMD64), assets.ARM64: set(assets.ARM64)}}
}

// newBooter makes the answering part of a server without its sockets.
func newBooter(t testing.TB, change func(*Config)) *booter {
	t.Helper()
	ipxeDir, files := testDir(t)
	config := Config{Interfaces: []string{"lo"}, IPXEDir: ipxeDir, Assets: files, AcceptUnknown: true}
	if change != nil {
		change(&config)
	}
	server, err := New(config)
	require.NoError(t, err)
	b, err := server.prepare()
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}

// answer runs one packet through everything but the sockets.
func (b *booter) answer(d datagram) (reply []byte, to netip.AddrPort, reason string) {
	request, err := dhcp.Parse(d.payload, d.from, d.service())
	if err != nil {
		return nil, netip.AddrPort{}, err.Error()
	}
	request.Server = serverAddr
	_, decided := b.decide(factsOf(request), b.base(serverAddr))
	answer, answered := b.answerDHCP(context.Background(), request)
	if !answered {
		return nil, netip.AddrPort{}, decided.Reason
	}
	reply, err = request.Encode(answer)
	if err != nil {
		return nil, netip.AddrPort{}, err.Error()
	}
	return reply, request.Destination(answer, 67), decided.Reason
}

func TestRepliesToRealFirmware(t *testing.T) {
	captures, err := filepath.Glob("testdata/firmware/*.pcap")
	require.NoError(t, err)
	require.NotEmpty(t, captures)
	for _, capture := range captures {
		name := strings.TrimSuffix(filepath.Base(capture), ".pcap")
		t.Run(name, func(t *testing.T) {
			b := newBooter(t, nil)
			var got strings.Builder
			for _, d := range readCapture(t, capture) {
				if d.service() == 0 {
					continue
				}
				request, err := dhcpv4.FromBytes(d.payload)
				require.NoError(t, err)
				fmt.Fprintf(&got, "%s from %s to %s class %q\n", request.MessageType(), d.from, d.to, request.ClassIdentifier())
				reply, to, reason := b.answer(d)
				if reply == nil {
					fmt.Fprintf(&got, "  ignored: %s\n", reason)
					continue
				}
				fmt.Fprintf(&got, "  %s\n%s", reason, describe(t, reply, to))
			}
			golden(t, filepath.Join("testdata/replies", name+".golden"), got.String())
		})
	}
}

// describe writes a reply field by field.
func describe(t testing.TB, reply []byte, to netip.AddrPort) string {
	t.Helper()
	p, err := dhcpv4.FromBytes(reply)
	require.NoError(t, err)
	var text strings.Builder
	fmt.Fprintf(&text, "  to %s, %d bytes\n", to, len(reply))
	fmt.Fprintf(&text, "  op %d xid %s flags %04x ciaddr %s yiaddr %s siaddr %s giaddr %s chaddr %s\n",
		p.OpCode, p.TransactionID, p.Flags, p.ClientIPAddr, p.YourIPAddr, p.ServerIPAddr, p.GatewayIPAddr, p.ClientHWAddr)
	fmt.Fprintf(&text, "  file %q\n", p.BootFileName)
	for code := range 255 {
		if value, ok := p.Options[uint8(code)]; ok {
			fmt.Fprintf(&text, "  option %d %s %q\n", code, hex.EncodeToString(value), value)
		}
	}
	return text.String()
}

func golden(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with -update, and read it")
	require.Equal(t, string(want), got)
}

// The captures hold the replies of another proxy that this firmware is known to have booted from: what we say about the
// same things must agree with it.
func TestRepliesAgreeWithOnesThatFirmwareAccepted(t *testing.T) {
	compared := 0
	for _, name := range []string{
		"bios-ipxe-rom-2019-virtio", "bios-ipxe-rom-2025-virtio", "uefi-x64-ipxe-rom-2019-virtio",
		"uefi-x64-pxe-ovmf-2022", "uefi-x64-pxe-ovmf-2025",
	} {
		b := newBooter(t, nil)
		requests := map[string]datagram{} // by xid and service
		for _, d := range readCapture(t, "testdata/firmware/"+name+".pcap") {
			xid := string(d.payload[4:8])
			if d.service() != 0 {
				requests[xid+d.to.String()] = d
				continue
			}
			if d.from.Addr() != serverAddr {
				continue
			}
			asked := "255.255.255.255:67"
			if d.from.Port() == 4011 {
				asked = d.from.String()
			}
			reply, to, reason := b.answer(requests[xid+asked])
			require.NotNil(t, reply, "%s: %s", name, reason)
			ours, err := dhcpv4.FromBytes(reply)
			require.NoError(t, err)
			theirs, err := dhcpv4.FromBytes(d.payload)
			require.NoError(t, err)
			require.Equal(t, theirs.MessageType(), ours.MessageType(), name)
			require.Equal(t, theirs.TransactionID, ours.TransactionID, name)
			require.Equal(t, theirs.Flags, ours.Flags, name)
			require.Equal(t, theirs.ServerIPAddr.String(), ours.ServerIPAddr.String(), name)
			require.Equal(t, theirs.ClientIPAddr.String(), ours.ClientIPAddr.String(), name)
			require.Equal(t, theirs.ClientHWAddr, ours.ClientHWAddr, name)
			for _, code := range []dhcpv4.OptionCode{
				dhcpv4.OptionServerIdentifier, dhcpv4.OptionClassIdentifier, dhcpv4.OptionClientMachineIdentifier,
			} {
				require.Equal(t, theirs.Options.Get(code), ours.Options.Get(code), "%s: %s", name, code)
			}
			require.Equal(t, theirs.Options.Has(dhcpv4.OptionVendorSpecificInformation),
				ours.Options.Has(dhcpv4.OptionVendorSpecificInformation), name)
			require.Equal(t, d.to, to, name)
			compared++
		}
	}
	require.Equal(t, 9, compared)
}
