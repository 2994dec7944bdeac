// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/firmware"
)

// Each TFTP packet, either way, is lost with this probability. HTTP is TCP's business.
func TestLossyPathDelaysABootAndDoesNotEndIt(t *testing.T) {
	need(t, "amd64")
	for name, loss := range map[string]float64{"a tenth": 0.1, "a fifth": 0.2} {
		t.Run(name+" with BIOS", func(t *testing.T) {
			t.Parallel()
			// Four times as large as undionly.kpxe, and with drivers of its own: over the ROM's, HTTP takes a minute.
			s := newStage(t, setting{mode: proxy, ipxe: firmware.IPXE2019, node: "    netboot: {loader: ipxe.pxe}\n"})
			running := s.chains(t, firmware.Machine{Firmware: firmware.BIOS, Loss: loss}, "ipxe.pxe")
			require.Positive(t, running.Lost())
			t.Logf("%d TFTP packets were lost", running.Lost())
		})
		t.Run(name+" with UEFI", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: proxy, ipxe: firmware.IPXE2019})
			running := s.boots(t, firmware.Machine{Firmware: firmware.UEFI, Loss: loss}, firmware.PathKernel)
			require.Positive(t, running.Lost())
			t.Logf("%d TFTP packets were lost", running.Lost())
		})
	}
}
