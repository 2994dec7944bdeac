// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
)

var (
	server = netip.MustParseAddr("10.77.0.2")
	noAddr = netip.MustParseAddrPort("0.0.0.0:68")
	mac    = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
)

func ask(t testing.TB, change ...dhcpv4.Modifier) []byte {
	t.Helper()
	p, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithHwAddr(mac), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover),
		dhcpv4.WithGeneric(dhcpv4.OptionClassIdentifier, []byte("PXEClient:Arch:00000:UNDI:002001")),
	}, change...)...)
	require.NoError(t, err)
	return p.ToBytes()
}

func option(code uint8, value string) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), []byte(value))
}

func TestParseReadsWhatMachinesSay(t *testing.T) {
	uuid := "0123456789abcdef"
	got, err := Parse(ask(t,
		option(93, "\x00\x07\x00\x09\x00"), option(97, "\x00"+uuid), option(77, "iPXE"), option(60, "PXEClient\x00"),
	), noAddr, ServiceDHCP)
	require.NoError(t, err)
	require.Equal(t, Discover, got.Message)
	require.Equal(t, "DHCPDISCOVER", got.Message.String())
	require.Equal(t, mac, got.MAC)
	require.Equal(t, []uint16{7, 9}, got.Archs, "the odd byte is dropped")
	require.Equal(t, []byte(uuid), got.GUID)
	require.Equal(t, "PXEClient", got.Class)
	require.Equal(t, []string{"iPXE"}, got.UserClasses, "raw, without RFC 3004's length byte")
	require.False(t, got.Relay.IsValid())
	require.Nil(t, got.IPXE)
	require.Nil(t, got.ClientID)

	got, err = Parse(ask(t, option(77, "\x04iPXE\x05other"), option(97, "\x01"+uuid)), noAddr, ServiceDHCP)
	require.NoError(t, err)
	require.Contains(t, got.UserClasses, "iPXE", "with RFC 3004's length bytes")
	require.Nil(t, got.GUID, "type 1 is not defined")
}

func TestParseRefusesWhatCannotBeAnswered(t *testing.T) {
	good := ask(t)
	for name, bytes := range map[string][]byte{
		"nothing":             nil,
		"half a header":       good[:100],
		"no cookie":           append(bytes.Clone(good[:236]), 0, 0, 0, 0, 255),
		"options cut off":     good[:242],
		"a reply":             ask(t, func(p *dhcpv4.DHCPv4) { p.OpCode = dhcpv4.OpcodeBootReply }),
		"not Ethernet":        ask(t, func(p *dhcpv4.DHCPv4) { p.HWType = 32 }),
		"a long address":      ask(t, dhcpv4.WithHwAddr(make(net.HardwareAddr, 8))),
		"no address":          ask(t, dhcpv4.WithHwAddr(net.HardwareAddr{0, 0, 0, 0, 0, 0})),
		"a group's address":   ask(t, dhcpv4.WithHwAddr(net.HardwareAddr{1, 0, 0x5e, 0, 0, 1})),
		"a huge relay option": ask(t, option(82, strings.Repeat("x", 256))),
		"a huge GUID":         ask(t, option(97, strings.Repeat("x", 256))),
		"everybody's address": ask(t, dhcpv4.WithHwAddr(net.HardwareAddr{255, 255, 255, 255, 255, 255})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(bytes, noAddr, ServiceDHCP)
			require.ErrorContains(t, err, "read DHCP packet from 0.0.0.0:68")
		})
	}
}

func TestParseReadsAddresses(t *testing.T) {
	got := heardBy(t, messageType(Ask), option(50, "\x0a\x4d\x00\x64"), option(54, "\x0a\x4d\x00\x02"), option(61, "\x01abcdef"),
		func(p *dhcpv4.DHCPv4) { p.ClientIPAddr, p.NumSeconds = net.IPv4(10, 77, 0, 9), 12 })
	require.Equal(t, "DHCPREQUEST", got.Message.String())
	require.Equal(t, ip("10.77.0.100"), got.Requested)
	require.Equal(t, server, got.Chosen)
	require.Equal(t, ip("10.77.0.9"), got.Client)
	require.Equal(t, "\x01abcdef", string(got.ClientID))
	require.Equal(t, uint16(12), got.Secs)

	got = heardBy(t, option(50, "\x00\x00\x00\x00"), option(54, "\x0a\x4d"))
	for _, a := range []netip.Addr{got.Requested, got.Chosen, got.Client} {
		require.False(t, a.IsValid())
	}
}

func TestParseReadsFeaturesOfIPXE(t *testing.T) {
	for sent, want := range map[string]Features{
		"": {},
		"\xb1\x05\x01\x1a\xf4\x10\x41\xeb\x03\x01\x15\x01\x13\x01\x01\x14\x01\x00\x18\x01\x01": {HTTP: true, BzImage: true, Version: "1.21.1"},
		"\x24\x01\x01\x26\x01\x01\x14\x01\x01":                                                 {EFI: true, VLAN: true, HTTPS: true},
		"\x13\x01\x01\x18\x09\x01":                                                             {HTTP: true},
		"\x13\x02\x01\x01\xeb\x01\x01\x18":                                                     {},
	} {
		got := heardBy(t, option(175, sent))
		require.NotNil(t, got.IPXE, "%q", sent)
		require.Equal(t, want, *got.IPXE, "%q", sent)
	}
}
