// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/cozystack/cozy-install/lab/firmware"
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
