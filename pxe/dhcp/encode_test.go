// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
)

const (
	uefiClass = "PXEClient:Arch:00007:UNDI:003000"
	httpClass = "HTTPClient:Arch:00016:UNDI:003000"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// heardBy parses a machine's packet as the server does.
func heardBy(t testing.TB, change ...dhcpv4.Modifier) Request {
	t.Helper()
	request, err := Parse(ask(t, change...), noAddr, ServiceDHCP)
	require.NoError(t, err)
	request.Server = server
	return request
}

func encode(t testing.TB, request Request, reply Reply) *dhcpv4.DHCPv4 {
	t.Helper()
	payload, err := request.Encode(reply)
	require.NoError(t, err)
	got, err := dhcpv4.FromBytes(payload)
	require.NoError(t, err)
	return got
}

func messageType(m Message) dhcpv4.Modifier { return dhcpv4.WithMessageType(dhcpv4.MessageType(m)) }

func TestProxyOffer(t *testing.T) {
	request := heardBy(t, option(97, "\x00"+strings.Repeat("\x00", 16)), option(82, "\x01\x02x"), option(61, "\x01abcdef"),
		func(p *dhcpv4.DHCPv4) {
			p.TransactionID = dhcpv4.TransactionID{} // iPXE's boot server requests
			p.GatewayIPAddr = net.IPv4(10, 88, 0, 1)
		})
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
	require.Equal(t, "10.77.0.2", got.ServerHostName)
	require.Equal(t, "10.88.0.1", got.GatewayIPAddr.String())
	require.Equal(t, mac, got.ClientHWAddr)
	require.Equal(t, "undionly.kpxe", got.BootFileName)
	require.Equal(t, "10.77.0.2", string(got.Options.Get(dhcpv4.OptionTFTPServerName)), "the Raspberry Pi 4 reads nothing else")
	require.Equal(t, "undionly.kpxe\x00", string(got.Options.Get(dhcpv4.OptionBootfileName)))
	require.Equal(t, "PXEClient", got.ClassIdentifier())
	require.Equal(t, []byte{6, 1, 8, 255}, got.Options.Get(dhcpv4.OptionVendorSpecificInformation))
	require.Equal(t, make([]byte, 17), got.Options.Get(dhcpv4.OptionClientMachineIdentifier), "garbage is echoed too")
	require.False(t, got.Options.Has(dhcpv4.OptionIPAddressLeaseTime))
	require.False(t, got.Options.Has(dhcpv4.OptionClientIdentifier))
}

func TestDialects(t *testing.T) {
	request := heardBy(t)
	got := encode(t, request, Reply{Boot: Boot{File: "snponly.efi"}})
	require.False(t, got.Options.Has(dhcpv4.OptionVendorSpecificInformation), "UEFI firmware must see none")
	require.Equal(t, "PXEClient", got.ClassIdentifier())

	got = encode(t, request, Reply{Boot: Boot{File: "u-boot.efi", Dialect: HeaderOnly}})
	require.Equal(t, "u-boot.efi", got.BootFileName)
	require.Equal(t, "10.77.0.2", got.ServerIPAddr.String())
	for _, code := range []dhcpv4.OptionCode{
		dhcpv4.OptionClassIdentifier, dhcpv4.OptionVendorSpecificInformation, dhcpv4.OptionBootfileName, dhcpv4.OptionTFTPServerName,
	} {
		require.False(t, got.Options.Has(code), code)
	}

	got = encode(t, heardBy(t, option(60, "U-Boot.armv8")), Reply{Boot: Boot{File: "u-boot.efi"}})
	require.False(t, got.Options.Has(dhcpv4.OptionClassIdentifier), "it did not say PXEClient")
	require.Equal(t, "u-boot.efi", got.BootFileName)
}

func TestUEFIHTTPBoot(t *testing.T) {
	url := "http://10.77.0.2:8080/52-54-00-77-00-01/metal-amd64-uki.efi"
	for _, dialect := range []Dialect{BootService, DiscoveryControl, HeaderOnly} {
		got := encode(t, heardBy(t, option(60, httpClass)), Reply{Boot: Boot{File: url, Dialect: dialect}})
		require.Equal(t, "HTTPClient", got.ClassIdentifier(), dialect)
		require.Equal(t, url+"\x00", string(got.Options.Get(dhcpv4.OptionBootfileName)), dialect)
		require.False(t, got.Options.Has(dhcpv4.OptionVendorSpecificInformation), dialect)
	}
}

func TestLongURLIsOnlyInTheOption(t *testing.T) {
	for _, length := range []int{127, 128, 254, 255} {
		file := "http://" + strings.Repeat("x", length-7)
		got := encode(t, heardBy(t), Reply{Boot: Boot{File: file}})
		require.Equal(t, length <= 127, got.BootFileName == file, length)
		require.Equal(t, length > 127, got.BootFileName == "", length)
		require.Equal(t, file, strings.TrimRight(string(got.Options.Get(dhcpv4.OptionBootfileName)), "\x00"), length)
	}
	for want, reply := range map[string]Reply{
		"want at most 255 bytes": {Boot: Boot{File: strings.Repeat("x", 256)}},
		"none of them 0":         {Boot: Boot{File: "a\x00b"}},
		"127 bytes in the header": {
			Boot: Boot{File: strings.Repeat("x", 128), Dialect: HeaderOnly},
		},
		"address invalid IP: want IPv4": {Lease: &Lease{}},
	} {
		_, err := heardBy(t).Encode(reply)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "answer DHCPDISCOVER of 52:54:00:77:00:01: ")
	}
}

func lease() *Lease {
	return &Lease{
		Address: ip("10.77.0.100"), Subnet: netip.MustParsePrefix("10.77.0.0/24"), Router: ip("10.77.0.1"),
		DNS: []netip.Addr{ip("10.77.0.3"), ip("fd00::1"), ip("10.77.0.4")}, NTP: []netip.Addr{ip("10.77.0.5")},
		Domain: "site.example", Time: time.Hour,
	}
}

// RFC 2131 table 3.
func TestLeaseIsToldWithBoot(t *testing.T) {
	for message, want := range map[Message]dhcpv4.MessageType{Discover: dhcpv4.MessageTypeOffer, Ask: dhcpv4.MessageTypeAck} {
		request := heardBy(t, messageType(message), option(175, "\x13\x01\x01"), option(61, "\x01abcdef"))
		got := encode(t, request, Reply{Boot: Boot{File: "x"}, Lease: lease()})
		require.Equal(t, want, got.MessageType())
		require.Equal(t, "10.77.0.100", got.YourIPAddr.String())
		require.False(t, got.IsBroadcast(), "the machine did not ask for it, and a relay can send to yiaddr")
		require.Equal(t, "x", got.BootFileName)
		require.Equal(t, "PXEClient", got.ClassIdentifier())
		require.Equal(t, time.Hour, got.IPAddressLeaseTime(0))
		require.Equal(t, 30*time.Minute, got.IPAddressRenewalTime(0))
		require.Equal(t, 52*time.Minute+30*time.Second, got.IPAddressRebindingTime(0))
		require.Equal(t, "ffffff00", got.SubnetMask().String())
		require.Equal(t, "[10.77.0.1]", ipsText(got.Router()))
		require.Equal(t, "[10.77.0.3 10.77.0.4]", ipsText(got.DNS()))
		require.Equal(t, "[10.77.0.5]", ipsText(got.NTPServers()))
		require.Equal(t, "site.example", got.DomainName())
		require.Equal(t, []byte{176, 1, 1}, got.Options.Get(optionIPXE), "iPXE need not wait for a proxy")
		require.Equal(t, "\x01abcdef", string(got.Options.Get(dhcpv4.OptionClientIdentifier)), "RFC 6842")
	}
}

func ipsText(ips []net.IP) string {
	var list []string
	for _, a := range ips {
		list = append(list, a.String())
	}
	return "[" + strings.Join(list, " ") + "]"
}

func TestLeaseWithoutBootSaysNothingOfNetboot(t *testing.T) {
	got := encode(t, heardBy(t, messageType(Ask)), Reply{Lease: lease()})
	require.Equal(t, "0.0.0.0", got.ServerIPAddr.String())
	require.Empty(t, got.BootFileName)
	require.Empty(t, got.ServerHostName)
	require.Empty(t, got.ClassIdentifier(), "else firmware looks for us on port 4011")
	require.False(t, got.Options.Has(optionIPXE), "it is not iPXE")
}

func TestInformIsAnsweredWithoutAnAddress(t *testing.T) {
	l := lease()
	l.Address = netip.Addr{}
	request := heardBy(t, messageType(Inform), dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 9)))
	got := encode(t, request, Reply{Lease: l})
	require.Equal(t, dhcpv4.MessageTypeAck, got.MessageType())
	require.Equal(t, "0.0.0.0", got.YourIPAddr.String())
	require.Equal(t, "10.77.0.9", got.ClientIPAddr.String())
	for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue} {
		require.False(t, got.Options.Has(code), code)
	}
	require.Equal(t, "[10.77.0.1]", ipsText(got.Router()))
}

func TestRefusal(t *testing.T) {
	request := heardBy(t, messageType(Ask), option(82, "\x01\x02x"), func(p *dhcpv4.DHCPv4) {
		p.ClientIPAddr, p.GatewayIPAddr = net.IPv4(10, 77, 0, 9), net.IPv4(10, 88, 0, 1)
	})
	got := encode(t, request, Reply{Boot: Boot{File: "x"}, Lease: lease(), Refusal: "its address is 10.77.0.11" + strings.Repeat("!", 300)})
	require.Equal(t, dhcpv4.MessageTypeNak, got.MessageType())
	require.True(t, got.IsBroadcast(), "for the relay (RFC 2131 section 4.3.2)")
	for _, a := range []net.IP{got.YourIPAddr, got.ServerIPAddr, got.ClientIPAddr} {
		require.Equal(t, "0.0.0.0", a.String())
	}
	require.Equal(t, "10.77.0.2", got.ServerIdentifier().String())
	require.Len(t, got.Message(), 255)
	require.Contains(t, got.Message(), "its address is 10.77.0.11!")
	require.Equal(t, "\x01\x02x", string(got.Options.Get(dhcpv4.OptionRelayAgentInformation)))
	require.Len(t, got.Options, 4, "and nothing else: %s", got.Summary())
}

func TestDeclineAndReleaseHaveNoAnswer(t *testing.T) {
	for _, m := range []Message{Decline, Release} {
		_, err := heardBy(t, messageType(m)).Encode(Reply{Lease: lease()})
		require.ErrorContains(t, err, "it has no answer")
	}
}

func TestAnswerFitsTheMachine(t *testing.T) {
	l := lease()
	l.Domain = strings.Repeat("d", 200)
	reply := Reply{Boot: Boot{File: strings.Repeat("f", 100)}, Lease: l}
	for _, c := range []struct {
		says  string // option 57
		limit int    // of the UDP payload
		full  bool
	}{
		{"", 548, false},
		{"\x00\x00", 548, false},
		{"\x02\x40", 548, false},
		{"x", 548, false},
		{"\x05\xc0", 1444, true}, // EDK2 in its DISCOVER
		{"\xff\x00", 1472, true}, // and in its REQUEST
	} {
		change := []dhcpv4.Modifier{option(97, "\x00"+strings.Repeat("u", 16))}
		if c.says != "" {
			change = append(change, option(57, c.says))
		}
		payload, err := heardBy(t, change...).Encode(reply)
		require.NoError(t, err)
		require.LessOrEqual(t, len(payload), c.limit)
		got, err := dhcpv4.FromBytes(payload)
		require.NoError(t, err)
		require.Equal(t, c.full, got.DomainName() != "", "what is least needed is left out first")
		require.Equal(t, "10.77.0.2", string(got.Options.Get(dhcpv4.OptionTFTPServerName)))
	}
	reply.Boot.File = strings.Repeat("f", 250)
	_, err := heardBy(t).Encode(reply)
	require.ErrorContains(t, err, "it takes 307 bytes of options at most")
}
