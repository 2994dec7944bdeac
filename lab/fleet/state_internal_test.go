// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestStatesFollowEachOtherAsOnARealMachine(t *testing.T) {
	all := []State{Off, Netboot, Maintenance, Installing, Rebooting, Booting, Running}
	want := map[State][]State{
		Off:         {Off, Netboot, Booting},
		Netboot:     {Off, Maintenance, Rebooting, Booting},
		Maintenance: {Off, Installing, Rebooting},
		Installing:  {Off, Rebooting},
		Rebooting:   {Off, Netboot, Rebooting, Booting},
		Booting:     {Off, Rebooting, Running},
		Running:     {Off, Rebooting},
	}

	for _, from := range all {
		var got []State

		for _, to := range all {
			if allowed(from, to) {
				got = append(got, to)
			}
		}

		require.ElementsMatch(t, want[from], got, "from %s", from)
	}
}

func TestUUIDIsLittleEndianInSMBIOS(t *testing.T) {
	id := uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff")
	require.Equal(t, [16]byte{
		0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
	}, smbios(id))
}
