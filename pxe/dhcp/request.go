// SPDX-License-Identifier: Apache-2.0

// Package dhcp speaks the DHCP side of netboot as a ProxyDHCP server does: it names a boot file and gives no address.
//
// It reads requests on the DHCP port (RFC 2131) and on the boot service port 4011 (Intel PXE 2.1, section 2.2.5), hands
// each to a handler, and sends what the handler decides, to a relay, by broadcast, or back to where it came from.
//
// It refuses to know machines, policies and files: a Reply says which boot file to name. It gives no leases.
//
// Still missing: server mode with an address pool, UEFI HTTP boot (HTTPClient), option 66 for the Raspberry Pi, several
// interfaces and VLANs, and a look-out for foreign PXE servers.
package dhcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Service is the port a request came to. The zero value is none.
type Service uint8

// The two services a ProxyDHCP server has.
const (
	ServiceDHCP Service = iota + 1 // port 67: DISCOVER is answered with OFFER
	ServiceBoot                    // port 4011: REQUEST is answered with ACK
)

// Message is a DHCP message type, numbered as in RFC 2132 section 9.6. Zero means none.
type Message uint8

// The message types a proxy tells apart.
const (
	Discover Message = 1
	Ask      Message = 3 // DHCPREQUEST
)

// String is the name used in RFC 2131.
func (m Message) String() string {
	return "DHCP" + dhcpv4.MessageType(m).String()
}

// Request is what one packet said. Everything in it is only claimed by its sender.
type Request struct {
	Service Service
	Message Message
	From    netip.AddrPort // source of the packet; 0.0.0.0:68 from a machine that has no address yet

	MAC         net.HardwareAddr // always six bytes
	GUID        []byte           // sixteen bytes of option 97 as sent; nil when absent or malformed
	Class       string           // option 60; empty when absent
	UserClasses []string         // option 77, read both raw (iPXE) and as RFC 3004 lists
	Archs       []uint16         // option 93 (RFC 4578 section 2.1), in the order sent
	Relay       netip.Addr       // giaddr; zero value when the packet came straight from the machine

	packet *dhcpv4.DHCPv4
}

// errNotRequest marks packets that are no requests of a machine on an Ethernet.
var errNotRequest = errors.New("not a DHCP request of an Ethernet machine")

// Parse reads one packet. An error means that it can't be answered at all. Any bytes may be given; none are kept.
func Parse(payload []byte, from netip.AddrPort, service Service) (Request, error) {
	p, err := dhcpv4.FromBytes(payload)
	if err != nil {
		return Request{}, fmt.Errorf("read DHCP packet from %s: %w", from, err)
	}
	if p.OpCode != dhcpv4.OpcodeBootRequest || p.HWType != iana.HWTypeEthernet || !isMachine(p.ClientHWAddr) {
		return Request{}, fmt.Errorf("read DHCP packet from %s: %w", from, errNotRequest)
	}
	for _, echoed := range echoedOptions() {
		if n := len(p.Options.Get(echoed)); n > maxEchoed {
			return Request{}, fmt.Errorf("read DHCP packet from %s: option %d has %d bytes: at most %d", from, echoed.Code(), n, maxEchoed)
		}
	}
	return Request{
		Service:     service,
		Message:     Message(p.MessageType()),
		From:        from,
		MAC:         p.ClientHWAddr,
		GUID:        guid(p.Options.Get(dhcpv4.OptionClientMachineIdentifier)),
		Class:       strings.TrimRight(string(p.Options.Get(dhcpv4.OptionClassIdentifier)), "\x00"),
		UserClasses: userClasses(p.Options.Get(dhcpv4.OptionUserClassInformation)),
		Archs:       archs(p.Options.Get(dhcpv4.OptionClientSystemArchitectureType)),
		Relay:       addr(p.GatewayIPAddr),
		packet:      p,
	}, nil
}

// isMachine refuses what no network card has: another length, all zeros, a group address.
func isMachine(mac net.HardwareAddr) bool {
	return len(mac) == 6 && mac[0]&1 == 0 && mac.String() != "00:00:00:00:00:00"
}

// guid returns the identifier behind option 97's type byte, of which only 0 is defined (RFC 4578 section 2.3).
func guid(option []byte) []byte {
	if len(option) != 17 || option[0] != 0 {
		return nil
	}
	return option[1:]
}

// userClasses reads option 77. RFC 3004 wants a length byte before each class; iPXE sends its name bare, so the raw
// text is always one of the answers.
func userClasses(option []byte) []string {
	if len(option) == 0 {
		return nil
	}
	classes := []string{string(option)}
	var list dhcpv4.Strings
	if err := list.FromBytes(option); err == nil {
		classes = append(classes, list...)
	}
	return classes
}

// archs reads option 93: one or more 16-bit numbers. An odd last byte is dropped.
func archs(option []byte) []uint16 {
	var list []uint16
	for ; len(option) >= 2; option = option[2:] {
		list = append(list, binary.BigEndian.Uint16(option))
	}
	return list
}

// addr returns the zero value for 0.0.0.0, so that "none" has one form.
func addr(ip net.IP) netip.Addr {
	a, ok := netip.AddrFromSlice(ip.To4())
	if !ok || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
