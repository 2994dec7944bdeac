// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"fmt"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Firmware is the machine's kind of firmware.
type Firmware string

// The kinds that are simulated: both for x86-64.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
)

// Known tells whether the kind is one of the simulated.
func (f Firmware) Known() bool { return f == BIOS || f == UEFI }

// arch is the client architecture of option 93 (RFC 4578, IANA).
func (f Firmware) arch() iana.Arch {
	if f == UEFI {
		return iana.EFI_X86_64
	}

	return iana.INTEL_X86PC
}

// Option codes without a name in the DHCP library.
const (
	optionUUID = dhcpv4.GenericOptionCode(97)
	optionIPXE = dhcpv4.GenericOptionCode(175)
)

// firmwareOptions are what a ROM without iPXE sends: SeaBIOS's PXE ROM, or EDK2 (which sends no option 61).
func (r *ROM) firmwareOptions() []dhcpv4.Modifier {
	arch := r.Machine.Firmware.arch()
	undi := []byte{1, 2, 1} // PXE 2.1, as "UNDI:002001" says
	requested := []byte{1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135}

	if r.Machine.Firmware == UEFI {
		undi = []byte{1, 3, 0}
		requested = []byte{
			1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97,
			128, 129, 130, 131, 132, 133, 134, 135,
		}
	}

	return append(r.pxeOptions(undi),
		dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, requested),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(
			fmt.Sprintf("PXEClient:Arch:%05d:UNDI:%03d%03d", uint16(arch), undi[1], undi[2]))),
	)
}

// ipxeOptions are what a chained iPXE sends: its user class without RFC 3004's length byte, and a vendor class that it
// inherited from the firmware's cached packets, without the architecture.
func (r *ROM) ipxeOptions() []dhcpv4.Modifier {
	undi := []byte{1, 2, 1}
	if r.Machine.Firmware == UEFI {
		undi = []byte{1, 3, 10}
	}

	mac := r.Port.MAC()

	return append(r.pxeOptions(undi),
		dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, []byte{
			1, 3, 6, 7, 12, 15, 17, 26, 42, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135, 175, 203,
		}),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient")),
		dhcpv4.WithGeneric(dhcpv4.OptionUserClassInformation, []byte("iPXE")),
		dhcpv4.WithGeneric(dhcpv4.OptionClientIdentifier, append([]byte{1}, mac...)),
		dhcpv4.WithGeneric(optionIPXE, ipxeFeatures(r.Machine.Firmware)),
	)
}

// ipxeFeatures is option 175 of Debian's build: a bus identifier, the version, and one entry for each feature.
func ipxeFeatures(firmware Firmware) []byte {
	features := []byte{177, 5, 1, 0x1a, 0xf4, 0x10, 0, 235, 3, 1, 0, 0}
	supported := []byte{23, 34, 19, 17, 39, 25, 41, 16, 33, 21, 24, 18} // 24 is bzImage, 19 is HTTP

	if firmware == UEFI {
		supported = []byte{38, 23, 39, 36, 19, 20, 17, 41, 27, 21, 18} // 36 is EFI
	}

	for _, feature := range supported {
		features = append(features, feature, 1, 1)
	}

	return features
}

func (r *ROM) pxeOptions(undi []byte) []dhcpv4.Modifier {
	return []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1472)),
		dhcpv4.WithOption(dhcpv4.OptClientArch(r.Machine.Firmware.arch())),
		dhcpv4.WithGeneric(dhcpv4.OptionClientNetworkInterfaceIdentifier, undi),
		dhcpv4.WithGeneric(optionUUID, append([]byte{0}, r.Machine.UUID[:]...)),
	}
}
