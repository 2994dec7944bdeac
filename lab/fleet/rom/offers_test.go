// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"net"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// boot is the answer to a client: a script's URL for iPXE, a loader for firmware.
func (s *bootSite) boot(request *dhcpv4.DHCPv4) string {
	arch := request.ClientArch()[0]

	switch {
	case isIPXE(request) && s.script != "":
		return s.script
	case isIPXE(request):
		return s.web.URL + "/boot.ipxe"
	case s.loader != "":
		return web(s, s.loader)
	case arch == 7 || arch == 11:
		return "ipxe.efi"
	case arch == 16 || arch == 19:
		return s.web.URL + "/ipxe.efi"
	default:
		return "undionly.kpxe"
	}
}

// web puts the web server's URL in.
func web(s *bootSite, text string) string { return strings.ReplaceAll(text, "WEB", s.web.URL) }

func isIPXE(request *dhcpv4.DHCPv4) bool {
	return string(request.Options.Get(dhcpv4.OptionUserClassInformation)) == "iPXE"
}

// offer answers on the DHCP port.
func (s *bootSite) offer(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	if request.MessageType() != dhcpv4.MessageTypeDiscover {
		if s.single {
			s.reply(conn, peer, request, dhcpv4.MessageTypeAck, s.noAck)
		}

		return
	}

	s.mu.Lock()
	s.asked = append(s.asked, request)
	early := len(s.asked) <= s.silent
	s.mu.Unlock()

	if !early {
		s.reply(conn, peer, request, dhcpv4.MessageTypeOffer, s.noFile)
	}
}

// acknowledge answers on port 4011.
func (s *bootSite) acknowledge(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	s.mu.Lock()
	s.proxied = append(s.proxied, request)
	s.mu.Unlock()
	s.reply(conn, peer, request, dhcpv4.MessageTypeAck, false)
}

func (s *bootSite) reply(
	conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4, kind dhcpv4.MessageType, noFile bool,
) {
	class, _, _ := strings.Cut(request.ClassIdentifier(), ":")

	reply, err := dhcpv4.NewReplyFromRequest(request,
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(s.address.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.address.AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(class)))
	if err != nil {
		panic(err)
	}

	if s.option43 != nil {
		reply.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, s.option43))
	}

	if s.single {
		own := s.address.As4()
		reply.YourIPAddr = net.IPv4(own[0], own[1], 0, 50)
		reply.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(24, 32)))
		reply.UpdateOption(dhcpv4.OptIPAddressLeaseTime(time.Hour))
	}

	if !noFile {
		reply.BootFileName = s.boot(request)
	}

	if s.change != nil && !isIPXE(request) {
		s.change(reply)
	}

	_, _ = conn.WriteTo(reply.ToBytes(), peer)
}
