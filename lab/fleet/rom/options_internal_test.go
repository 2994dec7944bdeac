// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"encoding/hex"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

type portWithMAC struct{ lan.Port }

func (portWithMAC) MAC() net.HardwareAddr { return net.HardwareAddr{0x52, 0x54, 0, 0x12, 0x34, 0x30} }

// The wanted values are those of real firmware under QEMU: OVMF 2022.11 by PXE, the iPXE of 2025 that it chained, and
// iPXE's BIOS build chained the same way.
func TestDiscoverCarriesTheOptionsOfRealFirmware(t *testing.T) {
	for _, tc := range []struct {
		name     string
		firmware Firmware
		ipxe     bool
		want     map[uint8]string
		absent   []uint8
	}{
		{name: "OVMF", firmware: UEFI, want: map[uint8]string{
			55: "0102030405060c0d0f111216171c28292a2b3233363a3b3c4243618081828384858687",
			57: "05c0", 94: "010300", 93: "0007", 97: "0000000000000000000000000000000000",
			60: hex.EncodeToString([]byte("PXEClient:Arch:00007:UNDI:003000")),
		}, absent: []uint8{43, 61, 77, 175}},
		{name: "iPXE chained by OVMF", firmware: UEFI, ipxe: true, want: map[uint8]string{
			55: "010306070c0f111a2a2b3c4243778081828384858687afcb",
			57: "05c0", 94: "01030a", 93: "0007", 97: "0000000000000000000000000000000000",
			60: hex.EncodeToString([]byte("PXEClient")), 77: hex.EncodeToString([]byte("iPXE")),
			61:  "01525400123430",
			175: "b105011af41000eb030100002601011701012701012401011301011401011101012901011b0101150101120101",
		}, absent: []uint8{43}},
		{name: "BIOS ROM", firmware: BIOS, want: map[uint8]string{
			57: "05c0", 94: "010201", 93: "0000",
			60: hex.EncodeToString([]byte("PXEClient:Arch:00000:UNDI:002001")),
		}, absent: []uint8{43, 77, 175}},
		{name: "iPXE chained by a BIOS ROM", firmware: BIOS, ipxe: true, want: map[uint8]string{
			57: "05c0", 94: "010201", 93: "0000", 61: "01525400123430",
			60: hex.EncodeToString([]byte("PXEClient")), 77: hex.EncodeToString([]byte("iPXE")),
		}, absent: []uint8{43}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &ROM{Machine: Machine{Firmware: tc.firmware}, Port: portWithMAC{}}

			modifiers := r.firmwareOptions()
			if tc.ipxe {
				modifiers = r.ipxeOptions()
			}

			packet, err := dhcpv4.New(modifiers...)
			require.NoError(t, err)

			for code, want := range tc.want {
				if code == 175 { // version and order of the features differ between builds
					require.Len(t, packet.Options[code], len(want)/2, "option 175")

					continue
				}

				require.Equal(t, want, hex.EncodeToString(packet.Options[code]), "option %d", code)
			}

			for _, code := range tc.absent {
				require.Nil(t, packet.Options[code], "option %d", code)
			}
		})
	}
}

func TestPXESubOptionSurvivesHostileLengths(t *testing.T) {
	for _, tc := range []struct {
		option43 []byte
		want     byte
	}{
		{nil, 0},
		{[]byte{6, 1, 8, 255}, 8},
		{[]byte{0, 0, 10, 1, 5, 6, 1, 8}, 8},
		{[]byte{6}, 0},
		{[]byte{6, 200, 8}, 0},
		{[]byte{6, 0, 255}, 0},
		{[]byte{255, 6, 1, 8}, 0},
	} {
		packet, err := dhcpv4.New(dhcpv4.WithGeneric(dhcpv4.OptionVendorSpecificInformation, tc.option43))
		require.NoError(t, err)
		require.Equal(t, tc.want, pxeSubOption(packet, 6), "%v", tc.option43)
	}
}
