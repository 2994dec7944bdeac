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

func TestDestination(t *testing.T) {
	relay := netip.MustParseAddr("10.88.0.1")
	machine := netip.MustParseAddrPort("10.77.0.123:4011")
	for name, c := range map[string]struct {
		request Request
		want    string
	}{
		"a machine without an address":       {Request{Service: ServiceDHCP, From: noAddr}, "255.255.255.255:68"},
		"a machine that renews":              {Request{Service: ServiceDHCP, From: netip.MustParseAddrPort("10.77.0.9:68")}, "255.255.255.255:68"},
		"a relay, at our own DHCP port":      {Request{Service: ServiceDHCP, From: noAddr, Relay: relay}, "10.88.0.1:6767"},
		"EDK2 asking from port 4011":         {Request{Service: ServiceBoot, From: machine}, "10.77.0.123:4011"},
		"a boot service request from nobody": {Request{Service: ServiceBoot, From: noAddr}, "255.255.255.255:68"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.request.Destination(Reply{}, 6767).String())
		})
	}
}

func TestEncode(t *testing.T) {
	request, err := Parse(ask(t, option(97, "\x00"+strings.Repeat("\x00", 16)), option(82, "\x01\x02x"), func(p *dhcpv4.DHCPv4) {
		p.TransactionID = dhcpv4.TransactionID{} // iPXE's boot server requests
		p.GatewayIPAddr = net.IPv4(10, 88, 0, 1)
	}), noAddr, ServiceDHCP)
	require.NoError(t, err)

	request.Server = server
	payload, err := request.Encode(Reply{Boot: Boot{File: "undionly.kpxe", Dialect: DiscoveryControl}})
	require.NoError(t, err)
	require.True(t, bytes.Contains(payload, []byte("\x52\x03\x01\x02x\xff")), "option 82 comes last (RFC 3046)")
	got, err := dhcpv4.FromBytes(payload)
	require.NoError(t, err)
	require.Equal(t, dhcpv4.OpcodeBootReply, got.OpCode)
	require.Equal(t, dhcpv4.MessageTypeOffer, got.MessageType())
	require.Zero(t, got.TransactionID)
	require.True(t, got.IsBroadcast())
	require.Equal(t, "0.0.0.0", got.YourIPAddr.String(), "a proxy gives no address")
	require.Equal(t, "10.77.0.2", got.ServerIPAddr.String(), "iPXE needs siaddr")
	require.Equal(t, "10.88.0.1", got.GatewayIPAddr.String())
	require.Equal(t, mac, got.ClientHWAddr)
	require.Equal(t, "undionly.kpxe", got.BootFileName)
	require.Equal(t, "undionly.kpxe\x00", string(got.Options.Get(dhcpv4.OptionBootfileName)))
	require.Equal(t, "PXEClient", got.ClassIdentifier())
	require.Equal(t, []byte{6, 1, 8, 255}, got.Options.Get(dhcpv4.OptionVendorSpecificInformation))
	require.Equal(t, make([]byte, 17), got.Options.Get(dhcpv4.OptionClientMachineIdentifier), "garbage is echoed too")

	payload, err = request.Encode(Reply{Boot: Boot{File: "snponly.efi"}})
	require.NoError(t, err)
	got, err = dhcpv4.FromBytes(payload)
	require.NoError(t, err)
	require.False(t, got.Options.Has(dhcpv4.OptionVendorSpecificInformation), "UEFI firmware must see none")

	_, err = request.Encode(Reply{Boot: Boot{File: strings.Repeat("x", 127)}})
	require.NoError(t, err)
	for _, bad := range []string{strings.Repeat("x", 256), "a\x00b"} {
		_, err = request.Encode(Reply{Boot: Boot{File: bad}})
		require.ErrorContains(t, err, "want at most 255 bytes")
	}
}
