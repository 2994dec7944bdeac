// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

// kind is a kind of machine.
type kind struct {
	firmware rom.Firmware
	accepts  rom.Dialect
	ipxe     rom.Generation
}

func (k kind) String() string {
	return fmt.Sprintf("%s %s %d", k.firmware, k.accepts, k.ipxe)
}

// arch is what the site file says of such a machine; empty: nothing.
func (k kind) arch() string {
	if k.firmware == rom.UEFIArm64 || k.firmware == rom.UEFIArm64HTTP {
		return "arm64"
	}

	return ""
}

// common are the kinds that most sites have.
func common() []kind {
	return []kind{{firmware: rom.BIOS}, {firmware: rom.UEFI}, {firmware: rom.UEFIHTTP}}
}

// all are all kinds that the lab knows: each firmware with both ages of iPXE, and the stubborn ones.
func all() []kind {
	var kinds []kind

	for _, firmware := range rom.Firmwares() {
		for _, ipxe := range []rom.Generation{rom.IPXE2019, rom.IPXE2025} {
			kinds = append(kinds, kind{firmware: firmware, ipxe: ipxe})
		}
	}

	for _, firmware := range []rom.Firmware{rom.BIOS, rom.UEFI, rom.UEFIArm64} {
		for _, dialect := range []rom.Dialect{rom.DiscoveryControl, rom.BootServer, rom.HeaderOnly} {
			kinds = append(kinds, kind{firmware: firmware, accepts: dialect})
		}
	}

	return kinds
}

// kind is that of the n-th machine: they take turns.
func (c config) kind(n int) kind { return c.kinds[n%len(c.kinds)] }
