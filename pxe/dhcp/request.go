// SPDX-License-Identifier: Apache-2.0

// Package dhcp speaks the DHCP side of netboot: as a ProxyDHCP server, which names a boot file and gives no address, and
// as a DHCP server, which gives both.
//
// It reads requests on the DHCP port (RFC 2131) and on the boot service port 4011 (Intel PXE 2.1, section 2.2.5), hands
// each to a handler, and sends what the handler decides, to a relay, by broadcast, or back to where it came from. It also
// looks around: which other servers answer on an interface, and whether an address is in use.
//
// It refuses to know machines, policies and files: a Reply says which boot file to name and which address to give. Who
// has which address is decided elsewhere.
//
// Still missing: DHCPv6, and with it netboot over IPv6.
package dhcp

import (
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

// The two services.
const (
	ServiceDHCP Service = iota + 1 // port 67: DISCOVER is answered with OFFER, the rest with ACK or NAK
	ServiceBoot                    // port 4011: REQUEST is answered with ACK
)

// Message is a DHCP message type, numbered as in RFC 2132 section 9.6. Zero means none.
type Message uint8

// The message types of machines.
const (
	Discover Message = 1
	Ask      Message = 3 // DHCPREQUEST
	Decline  Message = 4 // the address is somebody else's
	Release  Message = 7
	Inform   Message = 8 // a machine that has an address wants the rest
)

// String is the name used in RFC 2131.
func (m Message) String() string {
	return "DHCP" + dhcpv4.MessageType(m).String()
}

// Request is what one packet said. Everything in it but Service, Interface and Server is only claimed by its sender.
type Request struct {
	Service   Service
	Interface string     // name of the interface it came by
	Server    netip.Addr // our own address there, in whose name it is answered
	Message   Message
	From      netip.AddrPort // source of the packet; 0.0.0.0:68 from a machine that has no address yet

	MAC         net.HardwareAddr // always six bytes
	ClientID    []byte           // option 61 as sent, at most 255 bytes; nil when absent
	GUID        []byte           // sixteen bytes of option 97 as sent; nil when absent or malformed
	Class       string           // option 60; empty when absent
	UserClasses []string         // option 77, read both raw (iPXE) and as RFC 3004 lists
	Archs       []uint16         // option 93 (RFC 4578 section 2.1), in the order sent
	IPXE        *Features        // option 175; nil when absent, and then it is not iPXE that asks
	// Secs is the seconds since the machine began to ask, as its header says. EDK2 counts in the wrong byte order on
	// port 4011 (seen: 256, 512, 768).
	Secs uint16

	Requested netip.Addr // option 50: the address the machine would like; zero when absent
	Chosen    netip.Addr // option 54: the server whose offer it takes; zero when absent
	Client    netip.Addr // ciaddr: the address the machine uses already; zero when absent
	Relay     netip.Addr // giaddr; zero value when the packet came straight from the machine

	packet *dhcpv4.DHCPv4
}

// errNotRequest marks packets that are no requests of a machine on an Ethernet.
var errNotRequest = errors.New("not a DHCP request of an Ethernet machine")

// Parse reads one packet. An error means that it can't be answered at all. Any bytes may be given; none are kept. The
// caller fills in Interface and Server.
func Parse(payload []byte, from netip.AddrPort, service Service) (Request, error) {
	p, err := dhcpv4.FromBytes(payload)
	if err != nil {
		return Request{}, fmt.Errorf("read DHCP packet from %s: %w", from, err)
	}
	if p.OpCode != dhcpv4.OpcodeBootRequest || p.HWType != iana.HWTypeEthernet || !isMachine(p.ClientHWAddr) {
		return Request{}, fmt.Errorf("read DHCP packet from %s: %w", from, errNotRequest)
	}
	for _, echoed := range echoedOptions() {
		if n := len(p.Options.Get(echoed)); n > maxOption {
			return Request{}, fmt.Errorf("read DHCP packet from %s: option %d has %d bytes: at most %d", from, echoed.Code(), n, maxOption)
		}
	}
	return Request{
		Service:     service,
		Message:     Message(p.MessageType()),
		From:        from,
		MAC:         p.ClientHWAddr,
		ClientID:    p.Options.Get(dhcpv4.OptionClientIdentifier),
		GUID:        guid(p.Options.Get(dhcpv4.OptionClientMachineIdentifier)),
		Class:       strings.TrimRight(string(p.Options.Get(dhcpv4.OptionClassIdentifier)), "\x00"),
		UserClasses: userClasses(p.Options.Get(dhcpv4.OptionUserClassInformation)),
		Archs:       archs(p.Options.Get(dhcpv4.OptionClientSystemArchitectureType)),
		IPXE:        features(p.Options),
		Secs:        p.NumSeconds,
		Requested:   addr(p.Options.Get(dhcpv4.OptionRequestedIPAddress)),
		Chosen:      addr(p.Options.Get(dhcpv4.OptionServerIdentifier)),
		Client:      addr(p.ClientIPAddr),
		Relay:       addr(p.GatewayIPAddr),
		packet:      p,
	}, nil
}

// isMachine refuses what no network card has: another length, all zeros, a group address.
func isMachine(mac net.HardwareAddr) bool {
	return len(mac) == 6 && mac[0]&1 == 0 && [6]byte(mac) != [6]byte{}
}

// addr returns the zero value for 0.0.0.0 and for what is no IPv4 address, so that "none" has one form.
func addr(ip []byte) netip.Addr {
	a, ok := netip.AddrFromSlice(ip)
	if !ok || !a.Is4() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
