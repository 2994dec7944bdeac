// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/cozystack/cozy-install/lab/firmware"
)

func TestUEFIBootsThroughIPXEByTFTP(t *testing.T) {
	need(t, "amd64")
	for _, loaders := range []string{firmware.IPXE2019, firmware.IPXE2025} {
		t.Run(loaders, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{mode: proxy, ipxe: loaders})
			s.boots(t, firmware.Machine{Firmware: firmware.UEFI}, firmware.PathKernel)
		})
	}
}
