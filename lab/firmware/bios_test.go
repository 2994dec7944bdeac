// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/firmware"
	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

func TestBIOSWithIPXEInItsROMBoots(t *testing.T) {
	need(t, "amd64")
	for _, card := range []string{"virtio-net-pci", "e1000"} {
		for _, mode := range bothModes {
			t.Run(card+" "+mode, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, setting{mode: mode, ipxe: firmware.IPXE2019})
				running := s.boots(t, firmware.Machine{Firmware: firmware.BIOS, Card: card}, firmware.PathKernel)
				s.requireAsked(t, running, "GET", "boot.ipxe")
			})
		}
	}
}

func TestBIOSWithAnotherROMBoots(t *testing.T) {
	need(t, "amd64")
	// Slow, for the ROM's driver is: one mode for each.
	generations := map[string]string{proxy: firmware.IPXE2019, server: firmware.IPXE2025}
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: mode, ipxe: generations[mode]})
			s.chains(t, firmware.Machine{Firmware: firmware.BIOS}, "undionly.kpxe")
		})
	}
}

// chains boots a BIOS machine whose ROM is not iPXE. There is no free one, so this is iPXE that is told to introduce
// itself by another name (DHCP option 77): it is led to a loader as any vendor's ROM is.
func (s *stage) chains(t *testing.T, m firmware.Machine, loader string) *firmware.Running {
	t.Helper()
	began := time.Now()
	running := s.powerOn(t, m)
	await(t, running, "for the iPXE command line")
	require.NoError(t, running.Type(t.Context(), "\x02"))
	await(t, running, "iPXE> ")
	require.NoError(t, running.Type(t.Context(), "set user-class PXEROM\r"))
	await(t, running, "iPXE> ")
	require.NoError(t, running.Type(t.Context(), "autoboot\r"))
	await(t, running, marker.End)
	s.ran(t, running, firmware.PathKernel, began)
	s.requireAsked(t, running, "tftp", loader)
	return running
}
