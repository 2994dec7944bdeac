// SPDX-License-Identifier: Apache-2.0

package sitesim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// cmdline is what a Talos 1.13 metal image boots with, before the schematic's own arguments. Empty for a file of another
// name.
func cmdline(file string) string {
	const common = "console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 " +
		"nvme_core.io_timeout=4294967295 printk.devkmsg=on selinux=1 module.sig_enforce=1"

	switch file {
	case "cmdline-metal-amd64":
		return "talos.platform=metal " + common
	case "cmdline-metal-arm64":
		return "talos.platform=metal console=ttyAMA0 " + common
	default:
		return ""
	}
}

// labelAt is where a file says that it is simulated: behind the headers that its kind needs.
const labelAt = 0x400

// Content gives the bytes of a kernel, an initramfs or a UKI, so that a test can say what must have arrived. They begin as
// files of their kind do, say SIMULATED at 0x400, and are random. Nil: no such file.
func (f *Factory) Content(schematicID, version, file string) []byte {
	f.mu.Lock()
	builds := f.builds
	f.mu.Unlock()

	machine := uint16(0x8664) // in PE headers

	isARM := strings.Contains(file, "arm64")
	if isARM {
		machine = 0xaa64
	}

	content := func(size int) []byte {
		return noise(size, labelAt, fmt.Sprintf("SIMULATED %s %s %s build %d\n", file, version, schematicID, builds))
	}

	switch strings.Replace(file, "arm64", "amd64", 1) {
	case "kernel-amd64":
		data := program(content(cmp.Or(f.KernelSize, 3<<20)), machine)
		if isARM {
			copy(data[56:], "ARM\x64")
		} else {
			copy(data[0x202:], "HdrS")
		}

		return data
	case "initramfs-amd64.xz":
		data := content(cmp.Or(f.InitramfsSize, 5<<20))
		copy(data, "\x28\xb5\x2f\xfd") // zstd, whatever the name says

		return data
	case "metal-amd64-uki.efi", "metal-amd64-secureboot-uki.efi":
		return program(content(cmp.Or(f.UKISize, 1<<20)), machine)
	default:
		return nil
	}
}

// program writes the headers of an EFI program over a file's beginning.
func program(data []byte, machine uint16) []byte {
	copy(data, "MZ")
	binary.LittleEndian.PutUint32(data[0x3c:], 0x80)
	copy(data[0x80:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(data[0x84:], machine)

	return data
}

// noise is size random bytes that have a label somewhere and depend on it alone.
func noise(size, at int, label string) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8(sha256.Sum256([]byte(label)))
	_, _ = source.Read(content) // never fails
	copy(content[at:], label)

	return content
}
