// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"encoding/hex"
	"net"
	"slices"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

type portWithMAC struct{ lan.Port }

func (portWithMAC) MAC() net.HardwareAddr { return net.HardwareAddr{0x52, 0x54, 0, 0x12, 0x34, 0x30} }

// The wanted values are those of real firmware under QEMU: OVMF and AAVMF by PXE and by HTTP boot, the iPXE of 2025 that
// they chained, iPXE in ROMs, and iPXE's BIOS build chained.
func TestDiscoverCarriesTheOptionsOfRealFirmware(t *testing.T) {
	const (
		edk2     = "0102030405060c0d0f111216171c28292a2b3233363a3b3c4243618081828384858687"
		ipxe2019 = "010306070c0f111a2b3c4243778081828384858687afcb"
		ipxe2025 = "010306070c0f111a2a2b3c4243778081828384858687afcb"
	)

	for _, tc := range []struct {
		name     string
		firmware Firmware
		ipxe     Generation
		loaded   string // where an iPXE was loaded from; empty: the firmware's own packets
		want     map[uint8]string
		class    string
		absent   []uint8
	}{
		{name: "OVMF", firmware: UEFI, class: "PXEClient:Arch:00007:UNDI:003000", want: map[uint8]string{
			55: edk2, 57: "05c0", 94: "010300", 93: "0007", 97: "0000000000000000000000000000000000",
		}, absent: []uint8{43, 61, 77, 175}},
		{name: "AAVMF", firmware: UEFIArm64, class: "PXEClient:Arch:00011:UNDI:003000", want: map[uint8]string{
			55: edk2, 57: "05c0", 94: "010300", 93: "000b",
		}, absent: []uint8{43, 61, 77, 175}},
		{name: "OVMF by HTTP", firmware: UEFIHTTP, class: "HTTPClient:Arch:00016:UNDI:003000", want: map[uint8]string{
			57: "05c0", 94: "010300", 93: "0010", 97: "0000000000000000000000000000000000",
		}, absent: []uint8{43, 61, 77, 175}},
		{name: "AAVMF by HTTP", firmware: UEFIArm64HTTP, class: "HTTPClient:Arch:00019:UNDI:003000", want: map[uint8]string{
			57: "05c0", 94: "010300", 93: "0013",
		}, absent: []uint8{43, 61, 77, 175}},
		{
			name: "iPXE chained by OVMF", firmware: UEFI, ipxe: IPXE2025, loaded: "ipxe.efi", class: "PXEClient",
			want: map[uint8]string{
				55: ipxe2025, 57: "05c0", 94: "01030a", 93: "0007", 61: "01525400123430", 77: hex.EncodeToString([]byte("iPXE")),
				175: "b105011af41000eb030100002601011701012701012401011301011401011101012901011b0101150101120101",
			}, absent: []uint8{43},
		},
		{
			name: "iPXE chained by AAVMF", firmware: UEFIArm64, loaded: "ipxe-arm64.efi", class: "PXEClient",
			want: map[uint8]string{55: ipxe2025, 94: "01030a", 93: "000b"}, absent: []uint8{43},
		},
		{
			name: "iPXE chained by OVMF's HTTP boot", firmware: UEFIHTTP, ipxe: IPXE2025, loaded: "http://10.77.0.2/ipxe.efi",
			class: "PXEClient:Arch:00007:UNDI:003010", want: map[uint8]string{55: ipxe2025, 94: "01030a", 93: "0007"},
			absent: []uint8{43},
		},
		{name: "BIOS ROM", firmware: BIOS, class: "PXEClient:Arch:00000:UNDI:002001", want: map[uint8]string{
			57: "05c0", 94: "010201", 93: "0000",
		}, absent: []uint8{43, 77, 175}},
		{name: "iPXE of 2019 in a ROM", firmware: IPXEROM, class: "PXEClient:Arch:00000:UNDI:002001", want: map[uint8]string{
			55: ipxe2019, 57: "05c0", 94: "010201", 93: "0000", 61: "01525400123430", 77: hex.EncodeToString([]byte("iPXE")),
			175: "b105011af41000eb03010000170101220101130101110101270101190101290101100101210101150101180101120101",
		}, absent: []uint8{43}},
		{
			name: "iPXE of 2025 in a ROM", firmware: IPXEROM, ipxe: IPXE2025, class: "PXEClient:Arch:00000:UNDI:002001",
			want: map[uint8]string{
				55:  ipxe2025,
				175: "b105011af41000eb03010000260101170101270101220101130101140101110101190101290101100101210101150101120101180101",
			},
		},
		{
			name: "iPXE chained by a BIOS ROM", firmware: BIOS, loaded: "undionly.kpxe", class: "PXEClient",
			want: map[uint8]string{
				57: "05c0", 94: "010201", 93: "0000", 61: "01525400123430", 77: hex.EncodeToString([]byte("iPXE")),
			}, absent: []uint8{43},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &ROM{Machine: Machine{Firmware: tc.firmware}, Port: portWithMAC{}, IPXE: tc.ipxe}

			stage := r.firmware(nil)
			if tc.loaded != "" {
				stage = r.loader(nil, bootInfo{file: tc.loaded})
			}

			packet, err := dhcpv4.New(stage.options...)
			require.NoError(t, err)
			require.Equal(t, tc.class, packet.ClassIdentifier())

			for code, want := range tc.want {
				if code == 175 {
					require.Equal(t, features(t, want), features(t, hex.EncodeToString(packet.Options[code])))

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

// features reads which sub-options there are: their order differs between builds, and the values of some between cards.
func features(t *testing.T, option string) (codes []byte) {
	t.Helper()

	data, err := hex.DecodeString(option)
	require.NoError(t, err)

	for len(data) >= 2 {
		codes, data = append(codes, data[0]), data[2+int(data[1]):]
	}

	slices.Sort(codes)

	return codes
}

func TestOnlyEDK2sPXENamesAnotherMessageSizeInItsRequest(t *testing.T) {
	for _, firmware := range Firmwares() {
		want := uint16(1472)
		if firmware == UEFI || firmware == UEFIArm64 {
			want = 65280
		}

		stage := (&ROM{Machine: Machine{Firmware: firmware}, Port: portWithMAC{}}).firmware(nil)

		packet, err := dhcpv4.New(append(stage.options, stage.requestOptions...)...)
		require.NoError(t, err)

		size, err := packet.MaxMessageSize()
		require.NoError(t, err)
		require.Equal(t, want, size, firmware)
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
