// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"net/netip"
	"time"
)

// Reply is what to tell a machine. The zero value tells nothing, and only makes sense with one of its parts.
type Reply struct {
	// Boot says what to boot. Zero: nothing is said of booting.
	Boot Boot
	// Lease gives an address and what belongs to it. Nil: the answer of a proxy, which gives none.
	Lease *Lease
	// Refusal, when not empty, makes the answer a DHCPNAK with this text for the machine's console (option 56), at most
	// 255 bytes of it. Boot and Lease are not told then.
	Refusal string
}

// Boot is how a machine is told what to boot.
type Boot struct {
	// File is a name on our TFTP server, or a URL, at most 255 bytes. Above 127 bytes it only fits into option 67,
	// which U-Boot and some old ROMs do not read. Empty: nothing.
	File string
	// Dialect is for firmware that asks for PXE; UEFI HTTP boot has only one.
	Dialect Dialect
}

// Dialect is how firmware is told its boot file. No single way suits all of it.
type Dialect uint8

const (
	// BootService sends no option 43: most UEFI firmware then comes to port 4011 and takes the file from the answer
	// there; the rest takes it from the offer. It is the zero value, as it is the one that UEFI wants.
	BootService Dialect = iota
	// DiscoveryControl tells in option 43 to boot this file without asking port 4011 (suboption 6, bit 3), which BIOS
	// firmware wants. Some UEFI builds change their behaviour on the mere presence of option 43
	// (tianocore/edk2#8149).
	DiscoveryControl
	// HeaderOnly puts the file into the fixed BOOTP header and sends no options 43, 60, 66 and 67, for U-Boot and GRUB.
	HeaderOnly
)

// String is the word for logs.
func (d Dialect) String() string {
	switch d {
	case BootService:
		return "boot service"
	case DiscoveryControl:
		return "discovery control"
	case HeaderOnly:
		return "header only"
	default:
		return "unknown"
	}
}

// Lease is an address for a machine and what it needs to use it. Only IPv4 addresses may be given.
type Lease struct {
	// Address is the machine's. Zero in the answer to a DHCPINFORM, whose sender has one.
	Address netip.Addr
	// Subnet gives the network mask.
	Subnet netip.Prefix
	// Router is the default gateway. Zero: the machine gets none.
	Router netip.Addr
	DNS    []netip.Addr // the first maxServers are told
	NTP    []netip.Addr // likewise
	Domain string       // of names without a dot; empty: none
	// Time is how long the address may be used; it is told in whole seconds. The machine renews it after half of it,
	// and asks any server after seven eighths (RFC 2131 section 4.4.5).
	Time time.Duration
}

// maxServers bounds lists of addresses: more than a machine would ever try, and small enough to fit.
const maxServers = 8
