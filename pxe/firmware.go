// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"errors"
	"fmt"

	"github.com/cozystack/cozy-install/pxe/assets"
)

// Architectures as Talos names them.
const (
	archAMD64 = assets.AMD64
	archARM64 = assets.ARM64
)

// firmware is what a machine says its firmware is.
type firmware struct {
	arch string
	uefi bool
	http bool   // UEFI HTTP boot: it takes a URL
	name string // in words
}

// firmwareOf reads the architecture list (option 93, IANA "Processor Architecture Types"): the first one we can boot
// counts. The error says in words what the machine is instead.
func firmwareOf(archs []uint16) (firmware, error) {
	for _, arch := range archs {
		switch arch {
		case 0:
			return firmware{arch: archAMD64, name: "x86-64 BIOS"}, nil
		case 7, 9: // 9 is EFI byte code by the list, and what some x86-64 firmware says
			return firmware{arch: archAMD64, uefi: true, name: "x86-64 UEFI"}, nil
		case 11:
			return firmware{arch: archARM64, uefi: true, name: "arm64 UEFI"}, nil
		case 16, 17: // 17 likewise
			return firmware{arch: archAMD64, uefi: true, http: true, name: "x86-64 UEFI HTTP boot"}, nil
		case 19:
			return firmware{arch: archARM64, uefi: true, http: true, name: "arm64 UEFI HTTP boot"}, nil
		}
	}
	if len(archs) == 0 {
		return firmware{}, errors.New("it does not say its architecture (option 93)")
	}
	if other, known := otherFirmware(archs[0]); known {
		return firmware{}, fmt.Errorf("%s: Talos does not run there", other)
	}
	return firmware{}, fmt.Errorf("architecture %v is unknown", archs)
}

// otherFirmware names what can't be booted.
func otherFirmware(arch uint16) (string, bool) {
	name, known := map[uint16]string{
		1: "NEC/PC98", 2: "IA64 UEFI", 6: "32-bit x86 UEFI", 10: "32-bit arm UEFI", 15: "32-bit x86 UEFI HTTP boot",
		18: "32-bit arm UEFI HTTP boot", 20: "x86 BIOS HTTP boot", 21: "32-bit arm U-Boot", 22: "arm64 U-Boot, not by its UEFI",
		27: "64-bit RISC-V UEFI", 28: "64-bit RISC-V UEFI HTTP boot", 41: "Raspberry Pi boot, before its UEFI",
	}[arch]
	return name, known
}

// knownArch returns nothing for what is no architecture of ours: it stands in scripts.
func knownArch(text string) string {
	if text == archAMD64 || text == archARM64 {
		return text
	}
	return ""
}
