// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"fmt"
	"math/rand/v2"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Option codes without a name in the DHCP library.
const (
	optionUUID = dhcpv4.GenericOptionCode(97)
	optionIPXE = dhcpv4.GenericOptionCode(175)
)

// firmwareOptions are what a ROM without iPXE sends: a BIOS PXE ROM, or EDK2 (which sends no option 61).
func (r *ROM) firmwareOptions() []dhcpv4.Modifier {
	firmware := r.Machine.Firmware
	class, undi := "PXEClient", []byte{1, 2, 1} // PXE 2.1, as "UNDI:002001" says
	requested := []byte{1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135}

	if firmware.isEFI() {
		undi = []byte{1, 3, 0}
		requested = []byte{1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60}

		if firmware.byHTTP() {
			class = "HTTPClient"
			// EDK2 leaves one byte of its list unset: 235, 232 and 0 were seen.
			requested = append(requested, byte(rand.Uint32()), 67, 97)
		} else {
			requested = append(requested, 66, 67, 97, 128, 129, 130, 131, 132, 133, 134, 135)
		}
	}

	return append(r.pxeOptions(firmware.arch(), undi),
		dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, requested),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(bootClass(class, firmware.arch(), undi))),
	)
}

// firmwareRequestOptions are what EDK2's PXE changes for a REQUEST to the DHCP server; its HTTP boot does not.
func (r *ROM) firmwareRequestOptions() []dhcpv4.Modifier {
	if !r.Machine.Firmware.isEFI() || r.Machine.Firmware.byHTTP() {
		return nil
	}

	return []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(65280))}
}

func bootClass(class string, arch iana.Arch, undi []byte) string {
	return fmt.Sprintf("%s:Arch:%05d:UNDI:%03d%03d", class, uint16(arch), undi[1], undi[2])
}

// ipxeOptions are what an iPXE sends: its user class without RFC 3004's length byte. One that PXE started inherits the
// firmware's cached packets, and with them a vendor class without the architecture; one in a ROM, or that HTTP boot
// started, says it in full.
func (r *ROM) ipxeOptions(inherits bool, features []byte) []dhcpv4.Modifier {
	firmware := r.Machine.Firmware
	undi := []byte{1, 2, 1}

	if firmware.isEFI() {
		undi = []byte{1, 3, 10}
	}

	class := bootClass("PXEClient", firmware.loaderArch(), undi)
	if inherits {
		class = "PXEClient"
	}

	requested := []byte{1, 3, 6, 7, 12, 15, 17, 26}
	if r.generation() == IPXE2025 {
		requested = append(requested, 42)
	}

	requested = append(requested, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135, 175, 203)

	return append(r.pxeOptions(firmware.loaderArch(), undi),
		dhcpv4.WithGeneric(dhcpv4.OptionParameterRequestList, requested),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(class)),
		dhcpv4.WithGeneric(dhcpv4.OptionUserClassInformation, []byte("iPXE")),
		dhcpv4.WithGeneric(dhcpv4.OptionClientIdentifier, append([]byte{1}, r.Port.MAC()...)),
		dhcpv4.WithGeneric(optionIPXE, encapsulate(features)),
	)
}

// Features of iPXE that decide what it can be told to boot (option 175, one byte each).
const (
	featureHTTP    = 19
	featureBzImage = 24
)

// features are those of Debian's builds.
func (r *ROM) features() []byte {
	switch efi, old := r.Machine.Firmware.isEFI(), r.generation() == IPXE2019; {
	case efi && old:
		return []byte{23, 36, featureHTTP, 17, 39, 41, 21, 18} // 36 is EFI
	case efi:
		return []byte{38, 23, 39, 36, featureHTTP, 20, 17, 41, 27, 21, 18}
	case old:
		return []byte{23, 34, featureHTTP, 17, 39, 25, 41, 16, 33, 21, featureBzImage, 18}
	default:
		return []byte{38, 23, 39, 34, featureHTTP, 20, 17, 25, 41, 16, 33, 21, 18, featureBzImage}
	}
}

// cutFeatures are those of an iPXE without HTTP and bzImage: DNS, PXE, TFTP and AoE. Which ones VirtualBox has beside is
// a guess.
func cutFeatures() []byte { return []byte{23, 33, 21, 18} }

// encapsulate makes option 175: a bus identifier, the version, and one entry for each feature.
func encapsulate(features []byte) []byte {
	option := []byte{177, 5, 1, 0x1a, 0xf4, 0x10, 0, 235, 3, 1, 0, 0}
	for _, feature := range features {
		option = append(option, feature, 1, 1)
	}

	return option
}

func (r *ROM) pxeOptions(arch iana.Arch, undi []byte) []dhcpv4.Modifier {
	return []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1472)),
		dhcpv4.WithOption(dhcpv4.OptClientArch(arch)),
		dhcpv4.WithGeneric(dhcpv4.OptionClientNetworkInterfaceIdentifier, undi),
		dhcpv4.WithGeneric(optionUUID, append([]byte{0}, r.Machine.UUID[:]...)),
	}
}
