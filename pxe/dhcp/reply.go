// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// classPXE is what a reply's option 60 must say; without it EDK2 and iPXE drop the offer.
const classPXE = "PXEClient"

// clientPort is where machines without an address listen (RFC 2131 section 4.1). Relays hide it from us.
const clientPort = 68

// maxBootFile is the longest name the BOOTP header's file field holds with its terminating NUL.
const maxBootFile = 127

// Reply is what to tell a machine.
type Reply struct {
	// BootFile is the file's name on our TFTP server, or an http URL for iPXE. At most 127 bytes.
	BootFile string
	// SkipDiscovery tells BIOS firmware to boot this file without asking port 4011 (option 43, suboption 6, bit 3).
	// UEFI firmware must not be told: some builds change their behaviour on the mere presence of option 43.
	SkipDiscovery bool
}

// Encode builds the packet that answers r in the name of server, which is IPv4. R must come from Parse. The error says
// why r can't be answered so.
func (r Request) Encode(server netip.Addr, reply Reply) ([]byte, error) {
	if reply.BootFile == "" || len(reply.BootFile) > maxBootFile || strings.ContainsRune(reply.BootFile, 0) {
		return nil, fmt.Errorf("name boot file %q to %s: must be 1 to %d bytes", reply.BootFile, r.MAC, maxBootFile)
	}
	// yiaddr is 0.0.0.0 in a proxy's offer, so neither we nor a relay could send it to the machine alone; iPXE in a ROM
	// asks for that nevertheless.
	message, flags := dhcpv4.MessageTypeOffer, r.packet.Flags|broadcastFlag
	if r.Service == ServiceBoot {
		message, flags = dhcpv4.MessageTypeAck, r.packet.Flags
	}
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootReply,
		HWType:        r.packet.HWType,
		TransactionID: r.packet.TransactionID, // 0 in iPXE's boot server requests
		Flags:         flags,
		ClientIPAddr:  r.packet.ClientIPAddr,
		YourIPAddr:    net.IPv4zero,
		// iPXE ignores a boot file, even a URL, when siaddr is zero.
		ServerIPAddr:  server.AsSlice(),
		GatewayIPAddr: r.packet.GatewayIPAddr,
		ClientHWAddr:  r.packet.ClientHWAddr,
		BootFileName:  reply.BootFile, // U-Boot and some ROMs read only the header
		Options:       make(dhcpv4.Options),
	}
	p.UpdateOption(dhcpv4.OptMessageType(message))
	p.UpdateOption(dhcpv4.OptServerIdentifier(server.AsSlice()))
	p.UpdateOption(dhcpv4.OptClassIdentifier(classPXE))
	// Some firmware reads past the option's end: the NUL stops it.
	p.UpdateOption(dhcpv4.OptBootFileName(reply.BootFile + "\x00"))
	if reply.SkipDiscovery {
		p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255}))
	}
	for _, code := range echoedOptions() {
		if r.packet.Options.Has(code) {
			p.UpdateOption(dhcpv4.OptGeneric(code, r.packet.Options.Get(code)))
		}
	}
	return p.ToBytes(), nil
}

const broadcastFlag = 0x8000 // RFC 2131 figure 2

// maxEchoed is what one option can hold. A request may repeat an option to say more (RFC 3396); our answer must fit
// into one Ethernet frame.
const maxEchoed = 255

// echoedOptions go back as they came, even when they hold garbage.
func echoedOptions() [2]dhcpv4.OptionCode {
	return [2]dhcpv4.OptionCode{
		dhcpv4.OptionClientMachineIdentifier, // RFC 4578 section 2.3
		dhcpv4.OptionRelayAgentInformation,   // RFC 3046 section 2.2
	}
}

// Destination says where the answer to r goes. A relay listens on the DHCP port, given as relayPort; firmware asks the boot service from
// ports 68 (iPXE) and 4011 (EDK2) and wants the answer there; everyone else has no address yet.
func (r Request) Destination(relayPort uint16) netip.AddrPort {
	switch {
	case r.Relay.IsValid():
		return netip.AddrPortFrom(r.Relay, relayPort)
	case r.Service == ServiceBoot && !r.From.Addr().IsUnspecified():
		return r.From
	default:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), clientPort)
	}
}
