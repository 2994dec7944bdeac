// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// MissingError says what a machine of the lab lacks for this level.
type MissingError struct {
	Arch string
	What []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("firmware level for %s: there is no %s", e.Arch, strings.Join(e.What, ", no "))
}

// Hint says how to get it.
func (e *MissingError) Hint() string { return "as root, on Debian: make firmware-install" }

// Generations of iPXE, by the Debian releases that have them: builds of 2019 and of 2025.
const (
	IPXE2019 = "ipxe-bookworm"
	IPXE2025 = "ipxe-trixie"
)

// Need checks that everything is there that machines of an architecture need: *MissingError.
func Need(arch, cache string) error {
	missing := &MissingError{Arch: arch}
	if os.Geteuid() != 0 {
		missing.What = append(missing.What, "root (for network namespaces and taps)")
	}
	programs := []string{"dnsmasq", "qemu-system-x86_64", "sbsign", "openssl"}
	files := []string{
		"/dev/net/tun", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd",
		filepath.Join(cache, IPXE2019, "undionly.kpxe"), filepath.Join(cache, IPXE2025, "undionly.kpxe"),
	}
	if arch == "arm64" {
		programs = []string{"dnsmasq", "qemu-system-aarch64"}
		files[1], files[2] = "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"
	}
	files = append(files, filepath.Join(cache, "kernel-"+arch), filepath.Join(cache, stubName(arch)))
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing.What = append(missing.What, program)
		}
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			missing.What = append(missing.What, file)
		}
	}
	if len(missing.What) == 0 {
		return nil
	}
	return missing
}
