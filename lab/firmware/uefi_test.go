// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/firmware"
)

func TestUEFIBootsByTFTPThroughIPXE(t *testing.T) {
	need(t, "amd64")
	for _, loaders := range []string{firmware.IPXE2019, firmware.IPXE2025} {
		for _, mode := range bothModes {
			t.Run(loaders+" "+mode, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, setting{mode: mode, ipxe: loaders})
				running := s.boots(t, firmware.Machine{Firmware: firmware.UEFI}, firmware.PathKernel)
				s.requireAsked(t, running, "tftp", "snponly.efi")
			})
		}
	}
}

func TestUEFIWithIPXEInItsROMBoots(t *testing.T) {
	need(t, "amd64")
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, ipxe: firmware.IPXE2025})
			running := s.boots(t, firmware.Machine{Firmware: firmware.UEFI, ROM: true}, firmware.PathKernel)
			s.requireAsked(t, running, "GET", "boot.ipxe")
		})
	}
}

func TestUEFIBootsTheUKIByHTTPWithoutIPXE(t *testing.T) {
	need(t, "amd64")
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, ipxe: firmware.IPXE2019})
			running := s.boots(t, firmware.Machine{Firmware: firmware.UEFI, HTTPBoot: true}, firmware.PathUKI)
			s.requireAsked(t, running, "GET", "metal-amd64-uki.efi")
			requireNoIPXE(t, running)
		})
	}
}

// requireNoIPXE checks that nothing but the unified kernel image was asked for.
func requireNoIPXE(t *testing.T, running *firmware.Running) {
	t.Helper()
	for _, asked := range running.Asked() {
		require.Regexp(t, `^(HEAD|GET|tftp) .*metal-a..64-uki\.efi$`, asked)
	}
}
