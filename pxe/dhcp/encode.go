// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// What option 60 of an answer must say; without it EDK2 and iPXE drop the offer.
const (
	classPXE  = "PXEClient"
	classHTTP = "HTTPClient"
)

const (
	broadcastFlag = 0x8000 // RFC 2131 figure 2
	maxHeaderFile = 127    // what the BOOTP header's file field holds before its terminating NUL
	maxOption     = 255    // what one option holds
)

// echoedOptions go back as they came, even when they hold garbage. A request may repeat an option to say more
// (RFC 3396); our answer must fit into one Ethernet frame, so Parse refuses more than one option's worth.
func echoedOptions() [3]dhcpv4.OptionCode {
	return [3]dhcpv4.OptionCode{
		dhcpv4.OptionClientIdentifier,        // RFC 6842, in answers that give an address
		dhcpv4.OptionClientMachineIdentifier, // RFC 4578 section 2.3
		dhcpv4.OptionRelayAgentInformation,   // RFC 3046 section 2.2
	}
}

// Encode builds the packet that answers r in the name of r.Server. R must come from Parse. The error says why r can't
// be answered so.
func (r Request) Encode(reply Reply) ([]byte, error) {
	message, err := r.answer(reply)
	if err != nil {
		return nil, fmt.Errorf("answer %s of %s: %w", r.Message, r.MAC, err)
	}
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootReply,
		HWType:        r.packet.HWType,
		TransactionID: r.packet.TransactionID, // 0 in iPXE's boot server requests
		Flags:         r.flags(reply),
		ClientIPAddr:  r.packet.ClientIPAddr,
		YourIPAddr:    net.IPv4zero,
		ServerIPAddr:  net.IPv4zero,
		GatewayIPAddr: r.packet.GatewayIPAddr,
		ClientHWAddr:  r.packet.ClientHWAddr,
		Options:       make(dhcpv4.Options, 16),
	}
	o := options{into: p.Options, room: r.room()}
	o.must(dhcpv4.OptionDHCPMessageType, []byte{byte(message)})
	o.must(dhcpv4.OptionServerIdentifier, r.Server.AsSlice())
	if reply.Refusal != "" {
		p.ClientIPAddr = net.IPv4zero // RFC 2131 table 3
		o.must(dhcpv4.OptionMessage, []byte(cut(reply.Refusal)))
	} else {
		if reply.Lease != nil {
			r.lease(p, &o, reply.Lease)
		}
		if reply.Boot.File != "" {
			r.boot(p, &o, reply.Boot)
		}
	}
	r.echo(&o, reply)
	if o.left {
		return nil, fmt.Errorf("answer %s of %s: it takes %d bytes of options at most", r.Message, r.MAC, r.room())
	}
	r.rest(&o, reply)
	return p.ToBytes(), nil
}

// answer checks a reply and says which message it makes.
func (r Request) answer(reply Reply) (dhcpv4.MessageType, error) {
	file := reply.Boot.File
	switch {
	case !r.Server.Is4():
		return 0, fmt.Errorf("our own address %s: want IPv4", r.Server)
	case r.Message == Decline || r.Message == Release:
		return 0, errors.New("it has no answer")
	case reply.Refusal != "":
		return dhcpv4.MessageTypeNak, nil
	case len(file) > maxOption || strings.ContainsRune(file, 0):
		return 0, fmt.Errorf("boot file %q: want at most %d bytes, and none of them 0", file, maxOption)
	case len(file) > maxHeaderFile && reply.Boot.Dialect == HeaderOnly && !r.isHTTP():
		return 0, fmt.Errorf("boot file %q: want at most %d bytes in the header", file, maxHeaderFile)
	case reply.Lease != nil && r.Message != Inform && !reply.Lease.Address.Is4():
		return 0, fmt.Errorf("address %s: want IPv4", reply.Lease.Address)
	case r.Message == Discover:
		return dhcpv4.MessageTypeOffer, nil
	default:
		return dhcpv4.MessageTypeAck, nil
	}
}

// flags asks for a broadcast where nobody could send to the machine alone: yiaddr is 0.0.0.0 in a proxy's offer, for
// which iPXE in a ROM asks nevertheless, and in a refusal (RFC 2131 section 4.3.2).
func (r Request) flags(reply Reply) uint16 {
	if reply.Refusal != "" || reply.Lease == nil && r.Service == ServiceDHCP && !r.Client.IsValid() {
		return r.packet.Flags | broadcastFlag
	}
	return r.packet.Flags
}

func (r Request) isHTTP() bool { return strings.HasPrefix(r.Class, classHTTP) }

// lease says which address the machine gets and how to use it.
func (r Request) lease(p *dhcpv4.DHCPv4, o *options, l *Lease) {
	if r.Message != Inform {
		p.YourIPAddr = l.Address.AsSlice()
		o.must(dhcpv4.OptionIPAddressLeaseTime, seconds(l.Time))
		o.must(dhcpv4.OptionRenewTimeValue, seconds(l.Time/2))
		o.must(dhcpv4.OptionRebindingTimeValue, seconds(l.Time/8*7))
	}
	if l.Subnet.IsValid() && l.Subnet.Addr().Is4() {
		o.must(dhcpv4.OptionSubnetMask, net.CIDRMask(l.Subnet.Bits(), 32))
	}
	if l.Router.Is4() {
		o.must(dhcpv4.OptionRouter, l.Router.AsSlice())
	}
	o.must(dhcpv4.OptionDomainNameServer, addresses(l.DNS))
}

// boot says what to boot in each of the places where some firmware looks for it.
func (r Request) boot(p *dhcpv4.DHCPv4, o *options, b Boot) {
	// iPXE ignores a boot file, even a URL, when siaddr is zero.
	p.ServerIPAddr = r.Server.AsSlice()
	p.ServerHostName = r.Server.String()
	if len(b.File) <= maxHeaderFile {
		p.BootFileName = b.File // U-Boot and some ROMs read only the header
	}
	switch {
	case r.isHTTP():
		o.must(dhcpv4.OptionClassIdentifier, []byte(classHTTP))
	case b.Dialect == HeaderOnly:
		return
	case strings.HasPrefix(r.Class, classPXE):
		o.must(dhcpv4.OptionClassIdentifier, []byte(classPXE))
		if b.Dialect == DiscoveryControl {
			o.must(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255})
		}
	}
	// Some firmware reads past the option's end: the NUL stops it. Where the longest name leaves no room for it, the
	// next option or the end mark follows.
	o.must(dhcpv4.OptionBootfileName, []byte(cut(b.File+"\x00")))
}

// echo gives back what the machine and the relay said of themselves.
func (r Request) echo(o *options, reply Reply) {
	for _, code := range echoedOptions() {
		value, isThere := r.packet.Options[code.Code()]
		switch {
		case !isThere:
		case code == dhcpv4.OptionRelayAgentInformation:
			o.into[code.Code()] = value // the relay takes it out again, so it is not the machine that needs room for it
		case code == dhcpv4.OptionClientIdentifier && reply.Lease == nil && reply.Refusal == "":
		default:
			o.must(code, value)
		}
	}
}

// rest is what is told when there is room, the most useful first.
func (r Request) rest(o *options, reply Reply) {
	if reply.Refusal != "" {
		return
	}
	if reply.Lease != nil && r.IPXE != nil {
		// Else iPXE waits for a proxy's offer too, which takes three seconds.
		o.may(optionIPXE, []byte{ipxeNoPXEDHCP, 1, 1})
	}
	if reply.Boot.File != "" && (reply.Boot.Dialect != HeaderOnly || r.isHTTP()) {
		o.may(dhcpv4.OptionTFTPServerName, []byte(r.Server.String())) // the Raspberry Pi 4 reads nothing else
	}
	if reply.Lease != nil {
		o.may(dhcpv4.OptionDomainName, []byte(cut(reply.Lease.Domain)))
		o.may(dhcpv4.OptionNTPServers, addresses(reply.Lease.NTP))
	}
}

// seconds encodes a time; what does not fit is forever.
func seconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(min(max(d/time.Second, 0), 1<<32-1)))
}

// addresses encodes a list of IPv4 addresses, leaving out others.
func addresses(list []netip.Addr) []byte {
	var b []byte
	for _, a := range list {
		if a.Is4() && len(b) < maxServers*4 {
			b = append(b, a.AsSlice()...)
		}
	}
	return b
}

// cut leaves what fits into one option.
func cut(s string) string { return s[:min(len(s), maxOption)] }
