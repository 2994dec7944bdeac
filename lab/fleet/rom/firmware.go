// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"slices"

	"github.com/insomniacslk/dhcp/iana"
)

// Firmware is the machine's kind of firmware.
type Firmware string

// The kinds that are simulated, for x86-64 where the name says nothing else.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi" // EDK2, by TFTP
	// UEFIHTTP is EDK2's HTTP boot.
	UEFIHTTP      Firmware = "uefi-http"
	UEFIArm64     Firmware = "uefi-arm64"
	UEFIArm64HTTP Firmware = "uefi-arm64-http"
	// IPXEROM is BIOS firmware whose network card has iPXE in its ROM, as QEMU's.
	IPXEROM Firmware = "ipxe-rom"
	// IPXEROMCut is one whose iPXE knows neither HTTP nor bzImage, as VirtualBox's (danderson/netboot issues 51 and 52).
	IPXEROMCut Firmware = "ipxe-rom-cut"
)

// Firmwares lists all simulated kinds.
func Firmwares() []Firmware {
	return []Firmware{BIOS, UEFI, UEFIHTTP, UEFIArm64, UEFIArm64HTTP, IPXEROM, IPXEROMCut}
}

// Known tells whether the kind is one of the simulated.
func (f Firmware) Known() bool { return slices.Contains(Firmwares(), f) }

// isEFI tells UEFI firmware from BIOS.
func (f Firmware) isEFI() bool { return f.byHTTP() || f == UEFI || f == UEFIArm64 }

// byHTTP tells UEFI HTTP boot from TFTP.
func (f Firmware) byHTTP() bool { return f == UEFIHTTP || f == UEFIArm64HTTP }

// isIPXE tells whether the firmware's own network boot is iPXE.
func (f Firmware) isIPXE() bool { return f == IPXEROM || f == IPXEROMCut }

func (f Firmware) isArm64() bool { return f == UEFIArm64 || f == UEFIArm64HTTP }

// arch is the client architecture that the firmware itself announces in option 93 (RFC 4578, IANA).
func (f Firmware) arch() iana.Arch {
	switch f {
	case UEFIHTTP:
		return iana.EFI_X86_64_HTTP
	case UEFIArm64HTTP:
		return iana.EFI_ARM64_HTTP
	default:
		return f.loaderArch()
	}
}

// loaderArch is what an iPXE announces on this firmware: HTTP boot has no architecture of its own there.
func (f Firmware) loaderArch() iana.Arch {
	switch {
	case f.isArm64():
		return iana.EFI_ARM64
	case f.isEFI():
		return iana.EFI_X86_64
	default:
		return iana.INTEL_X86PC
	}
}

// Generation is an age of iPXE.
type Generation int

// The generations that differ, by the year of Debian's builds.
const (
	// IPXE2019 is Debian 12's: on UEFI it hands an initramfs only to a kernel whose arguments name it.
	IPXE2019 Generation = iota
	// IPXE2025 is Debian 13's: on UEFI it looks for autoexec.ipxe beside itself first.
	IPXE2025
)

// generation is the iPXE that runs: the older one has no build for arm64.
func (r *ROM) generation() Generation {
	if r.Machine.Firmware.isArm64() {
		return IPXE2025
	}

	return r.IPXE
}
