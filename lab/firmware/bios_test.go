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
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: proxy, ipxe: firmware.IPXE2019})
			s.boots(t, firmware.Machine{Firmware: firmware.BIOS, Card: card}, firmware.PathKernel)
		})
	}
}

// There is no free BIOS PXE ROM but iPXE. This one is told to introduce itself by another name, so that it is led to the
// loader as any vendor's is.
func TestBIOSWithAnotherROMBoots(t *testing.T) {
	need(t, "amd64")
	for _, loaders := range []string{firmware.IPXE2019, firmware.IPXE2025} {
		t.Run(loaders, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: proxy, ipxe: loaders})
			s.chains(t, firmware.Machine{Firmware: firmware.BIOS})
		})
	}
}

func (s *stage) chains(t *testing.T, m firmware.Machine) *firmware.Running {
	t.Helper()
	began := time.Now()
	running := s.powerOn(t, m)
	await(t, m, running, "for the iPXE command line")
	require.NoError(t, running.Type("\x02"))
	await(t, m, running, "iPXE> ")
	require.NoError(t, running.Type("set user-class PXEROM\rautoboot\r"))
	await(t, m, running, marker.End)
	s.ran(t, running, firmware.PathKernel, began)
	s.requireAsked(t, running, "tftp", "undionly.kpxe")
	return running
}
