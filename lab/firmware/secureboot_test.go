// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/firmware"
	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

// The product serves the signed image and nothing else. Whether it is signed is for the firmware to see.
func TestSecureBootStartsTheSignedUKIAndNoOther(t *testing.T) {
	need(t, "amd64")
	m := firmware.Machine{Firmware: firmware.UEFI, HTTPBoot: true, SecureBoot: true}
	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, setting{mode: proxy, ipxe: firmware.IPXE2019, secureBoot: true})
		running := s.boots(t, m, firmware.PathUKI)
		s.requireAsked(t, running, "GET", firmware.SecureBootUKI)
		require.Contains(t, running.Text(), "Secure boot enabled", "the kernel's own word")
	})
	t.Run("not signed", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, setting{mode: proxy, ipxe: firmware.IPXE2019, secureBoot: true, unsigned: true})
		running := s.powerOn(t, m)
		await(t, running, "Access Denied")
		s.requireAsked(t, running, "GET", firmware.SecureBootUKI)
		require.NotContains(t, running.Text(), marker.End)
	})
}
