// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Heard is one answer of a DHCP server, our own or a foreign one. All of it is only claimed; the texts are cut to what
// one option holds and have no control characters.
type Heard struct {
	Message  string           // OFFER, ACK or NAK
	Server   netip.Addr       // option 54; without it, where the packet came from
	From     netip.Addr       // source of the packet
	MAC      net.HardwareAddr // of the network card that sent it: the server's, or a router's on the way
	Client   net.HardwareAddr // the machine that was answered
	Offers   netip.Addr       // yiaddr; zero when no address is given, as by a ProxyDHCP server
	Class    string           // option 60: PXEClient or HTTPClient when it serves netboot
	BootFile string           // option 67, else the header's; empty when none is named
	At       time.Time
}

// IsNetboot says whether the answer is one of a netboot server.
func (h Heard) IsNetboot() bool {
	return h.BootFile != "" || strings.HasPrefix(h.Class, classPXE) || strings.HasPrefix(h.Class, classHTTP)
}

// hear reads an answer of a server; false when it is none.
func hear(d datagram, at time.Time) (Heard, dhcpv4.TransactionID, bool) {
	p, err := dhcpv4.FromBytes(d.payload)
	if err != nil || p.OpCode != dhcpv4.OpcodeBootReply {
		return Heard{}, dhcpv4.TransactionID{}, false
	}
	message := p.MessageType()
	switch message {
	case dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak:
	default:
		return Heard{}, dhcpv4.TransactionID{}, false
	}
	h := Heard{
		Message:  message.String(),
		Server:   addr(p.Options.Get(dhcpv4.OptionServerIdentifier)),
		From:     d.from.Addr(),
		MAC:      d.mac,
		Client:   p.ClientHWAddr,
		Offers:   addr(p.YourIPAddr),
		Class:    printable(string(p.Options.Get(dhcpv4.OptionClassIdentifier))),
		BootFile: printable(string(p.Options.Get(dhcpv4.OptionBootfileName))),
		At:       at,
	}
	if !h.Server.IsValid() {
		h.Server = h.From
	}
	if h.BootFile == "" {
		h.BootFile = printable(p.BootFileName)
	}
	return h, p.TransactionID, true
}

// printable makes a text of the network fit for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimRight(cut(text), "\x00"))
}
