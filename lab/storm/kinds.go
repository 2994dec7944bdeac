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

// arch is what the site file says of such a machine, beside what it says of all.
func (k kind) arch() string {
	if k.firmware == rom.UEFIArm64 || k.firmware == rom.UEFIArm64HTTP {
		return ", arch: arm64"
	}

	return ""
}

// common are the kinds that most sites have.
func common() []kind { return []kind{{firmware: rom.BIOS}, {firmware: rom.UEFI}} }

// kind is that of the n-th machine: they take turns.
func (c config) kind(n int) kind { return c.kinds[n%len(c.kinds)] }
