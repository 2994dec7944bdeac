// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"encoding/binary"
	"fmt"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Features are what an iPXE says it can do (option 175, ipxe.org/howto/dhcpd). A shortened build, as in some ROMs, lacks
// what it needs to boot Linux.
type Features struct {
	HTTP    bool
	HTTPS   bool
	BzImage bool   // Linux kernels of BIOS builds
	EFI     bool   // EFI programs, which kernels are too
	VLAN    bool   // tagged networks
	Version string // "1.21.1", as built; empty when not told
}

// optionIPXE encapsulates iPXE's own options, both ways.
const optionIPXE = dhcpv4.GenericOptionCode(175)

// iPXE's encapsulated options (ipxe: src/include/ipxe/features.h and dhcp.h).
const (
	ipxeHTTP      = 19
	ipxeHTTPS     = 20
	ipxeBzImage   = 24
	ipxeEFI       = 36
	ipxeVLAN      = 38
	ipxeNoPXEDHCP = 176
	ipxeVersion   = 235
)

// features reads as much of option 175 as is well formed.
func features(options dhcpv4.Options) *Features {
	if !options.Has(optionIPXE) {
		return nil
	}
	f := &Features{}
	rest := options.Get(optionIPXE)
	for len(rest) >= 2 && len(rest) >= 2+int(rest[1]) {
		code, value := rest[0], rest[2:2+int(rest[1])]
		rest = rest[2+len(value):]
		isOn := len(value) == 1 && value[0] != 0
		switch code {
		case ipxeHTTP:
			f.HTTP = isOn
		case ipxeHTTPS:
			f.HTTPS = isOn
		case ipxeBzImage:
			f.BzImage = isOn
		case ipxeEFI:
			f.EFI = isOn
		case ipxeVLAN:
			f.VLAN = isOn
		case ipxeVersion:
			if len(value) == 3 {
				f.Version = fmt.Sprintf("%d.%d.%d", value[0], value[1], value[2])
			}
		}
	}
	return f
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
