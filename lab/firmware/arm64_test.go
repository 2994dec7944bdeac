// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/cozystack/cozy-install/lab/firmware"
)

// Debian's iPXE of 2025 is the first with a build for arm64.
func TestARM64BootsByTFTPThroughIPXE(t *testing.T) {
	need(t, "arm64")
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, arch: "arm64", ipxe: firmware.IPXE2025})
			running := s.boots(t, firmware.Machine{Firmware: firmware.AArch64}, firmware.PathKernel)
			s.requireAsked(t, running, "tftp", "ipxe-arm64.efi")
		})
	}
}

func TestARM64BootsTheUKIByTFTPWhereThereIsNoIPXEForIt(t *testing.T) {
	need(t, "arm64")
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, arch: "arm64", ipxe: firmware.IPXE2019})
			running := s.boots(t, firmware.Machine{Firmware: firmware.AArch64}, firmware.PathUKI)
			s.requireAsked(t, running, "tftp", "metal-arm64-uki.efi")
			requireNoIPXE(t, running)
		})
	}
}

func TestARM64BootsTheUKIByHTTPWithoutIPXE(t *testing.T) {
	need(t, "arm64")
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, arch: "arm64", ipxe: firmware.IPXE2019})
			running := s.boots(t, firmware.Machine{Firmware: firmware.AArch64, HTTPBoot: true}, firmware.PathUKI)
			s.requireAsked(t, running, "GET", "metal-arm64-uki.efi")
			requireNoIPXE(t, running)
		})
	}
}
