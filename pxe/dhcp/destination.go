// SPDX-License-Identifier: Apache-2.0

package dhcp

import "net/netip"

// clientPort is where machines without an address listen (RFC 2131 section 4.1). Relays hide it from us.
const clientPort = 68

// Destination says where an answer to r goes (RFC 2131 section 4.1). A relay listens on the DHCP port, given as
// relayPort; firmware asks the boot service from ports 68 (iPXE) and 4011 (EDK2) and wants the answer there; a machine
// that uses its address already is answered there, when it is also where the packet came from: else anybody could have
// our answers sent anywhere. Everyone else has no address yet, and is answered by broadcast: sending to one machine
// without an address takes raw sockets. A refusal is always broadcast, since the machine's address may be another's.
func (r Request) Destination(reply Reply, relayPort uint16) netip.AddrPort {
	switch {
	case r.Relay.IsValid():
		return netip.AddrPortFrom(r.Relay, relayPort)
	case reply.Refusal != "":
	case r.Service == ServiceBoot && !r.From.Addr().IsUnspecified():
		return r.From
	case r.Client.IsValid() && r.Client == r.From.Addr():
		return netip.AddrPortFrom(r.Client, clientPort)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), clientPort)
}
