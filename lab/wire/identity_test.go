// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

// uuidBytes are those of 33221100-5544-7766-8899-aabbccddeeff in SMBIOS and option 97.
func uuidBytes() [16]byte {
	return [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
}

func TestMachinesAreTheOnesTheySeemToBe(t *testing.T) {
	const uuid = "33221100-5544-7766-8899-aabbccddeeff"
	s := newSite(t, serverMode,
		`name: w0, mac: "52:54:00:77:01:00", address: 10.77.0.40, uuid: `+uuid,
		`name: w1, mac: "52:54:00:77:01:01", macs: ["52:54:00:77:01:02"], address: 10.77.0.41`,
		`name: w2, uuid: 00000000-0000-0000-0000-0000000000aa, address: 10.77.0.42`)
	s.serve()

	other := uuidBytes()
	other[15] = 0
	_, err := s.boot(machine{mac: "52:54:00:77:01:00", uuid: other, firmware: rom.BIOS, speed: 10})
	require.ErrorIs(t, err, dhcp.ErrNoOffer)
	require.Regexp(t, `DHCPDISCOVER +ignored +has the MAC of w0, but UUID 33221100-5544-7766-8899-aabbccddee00 where the site file has `+uuid,
		s.explain("52:54:00:77:01:00", "has the MAC of w0"))

	// A board's UUID that two machines have does no harm to those that are known by their MACs.
	s.boots(machine{mac: "52:54:00:77:01:00", uuid: uuidBytes(), firmware: rom.BIOS})
	s.boots(machine{mac: "52:54:00:77:00:01", uuid: uuidBytes(), firmware: rom.BIOS})
	require.Contains(t, s.explain("cp1", "at initramfs"), "52:54:00:77:00:01")

	// Whichever card comes first has the node's address; the other one gets another meanwhile, and nobody is alarmed.
	require.Equal(t, "10.77.0.41", s.boots(machine{mac: "52:54:00:77:01:02", firmware: rom.UEFI}).addresses[0].String())
	require.Equal(t, "10.77.0.100", s.boots(machine{mac: "52:54:00:77:01:01", firmware: rom.UEFI}).addresses[0].String())
	s.explain("w1", "address 10.77.0.100, since its fixed address 10.77.0.41 is in use by 52:54:00:77:01:02")
	require.Empty(t, s.status().Notices)

	require.Contains(t, s.explain("w1", "52:54:00:77:01:02"), "w1 (52:54:00:77:01:01)")

	got := s.boots(machine{mac: "52:54:00:55:00:01", uuid: [16]byte{15: 0xaa}, firmware: rom.UEFIHTTP})
	require.Equal(t, "10.77.0.42", got.addresses[0].String(), "it is known by its UUID")
}
