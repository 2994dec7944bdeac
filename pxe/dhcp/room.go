// SPDX-License-Identifier: Apache-2.0

package dhcp

import "github.com/insomniacslk/dhcp/dhcpv4"

// Sizes of a DHCP packet, in bytes.
const (
	headersSize = 28            // of IP and UDP, which option 57 counts
	minMax      = 576           // what every machine must take (RFC 2132 section 9.10)
	maxMax      = 1500          // an Ethernet frame's payload: fragments are lost by firmware
	fixedSize   = 236 + 4       // BOOTP header and cookie
	relaySize   = 2 + maxOption // kept for option 82, which relays add
)

// room is how many bytes of options the machine can take, the end mark not counted. EDK2 says 1472 in its DISCOVER and
// 65280 in its REQUEST.
func (r Request) room() int {
	size := minMax
	if option := r.packet.Options.Get(dhcpv4.OptionMaximumDHCPMessageSize); len(option) == 2 {
		size = int(option[0])<<8 | int(option[1])
	}
	frame := maxMax
	if r.packet.Options.Has(dhcpv4.OptionRelayAgentInformation) {
		frame -= relaySize
	}
	return min(max(size, minMax), frame) - headersSize - fixedSize - 1
}

// options collects options as long as there is room.
type options struct {
	into dhcpv4.Options
	room int
	left bool // something that had to be told was left out
}

// must adds an option that the answer makes no sense without. An empty value is nothing to tell.
func (o *options) must(code dhcpv4.OptionCode, value []byte) {
	if !o.add(code, value) {
		o.left = true
	}
}

// may adds an option when it fits.
func (o *options) may(code dhcpv4.OptionCode, value []byte) { o.add(code, value) }

func (o *options) add(code dhcpv4.OptionCode, value []byte) bool {
	if len(value) == 0 {
		return true
	}
	if o.room < 2+len(value) {
		return false
	}
	o.room -= 2 + len(value)
	o.into[code.Code()] = value
	return true
}
