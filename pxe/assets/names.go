// SPDX-License-Identifier: Apache-2.0

package assets

// kind is what a file must contain.
type kind int

const (
	kernel kind = iota
	initramfs
	cmdline
	uki
)

// Largest sizes accepted. Talos 1.13 without extensions: kernel 21 MB, initramfs 80 MB, UKI their sum; extensions add up to
// some hundred MB.
const (
	maxKernel    = 256 << 20
	maxInitramfs = 4 << 30
	maxCmdline   = 64 << 10
	maxUKI       = maxKernel + maxInitramfs
)

// file is one file of the factory.
type file struct {
	name string
	kind kind
	arch string
}

// most is the largest size accepted, in bytes.
func (f file) most() int64 {
	switch f.kind {
	case kernel:
		return maxKernel
	case initramfs:
		return maxInitramfs
	case cmdline:
		return maxCmdline
	default:
		return maxUKI
	}
}

// files are one architecture's.
type files struct {
	arch                            string
	kernel, initramfs, cmdline, uki file
	secureBoot                      bool
}

// filesFor names the files as the image factory does, the same for Talos 1.11 to 1.13 (image-factory,
// internal/profile/profile.go, ParseFromPath):
//
//	amd64 -> kernel-amd64, initramfs-amd64.xz, cmdline-metal-amd64, metal-amd64-uki.efi
//	amd64, Secure Boot -> the same, but for metal-amd64-secureboot-uki.efi
//
// The initramfs is named .xz whatever it is compressed with. Under Secure Boot the arguments are still the plain ones: they
// are for machines that boot by iPXE while their firmware waits for its keys.
func filesFor(arch string, secureBoot bool) files {
	image := "metal-" + arch
	if secureBoot {
		image += "-secureboot"
	}
	return files{
		arch: arch, secureBoot: secureBoot,
		kernel:    file{"kernel-" + arch, kernel, arch},
		initramfs: file{"initramfs-" + arch + ".xz", initramfs, arch},
		cmdline:   file{"cmdline-metal-" + arch, cmdline, arch},
		uki:       file{image + "-uki.efi", uki, arch},
	}
}

func (f files) all() []file { return []file{f.kernel, f.initramfs, f.cmdline, f.uki} }

func architectures() []string { return []string{AMD64, ARM64} }

// knownNames are those of every file there can be.
func knownNames() []string {
	var list []string
	for _, arch := range architectures() {
		for _, f := range filesFor(arch, false).all() {
			list = append(list, f.name)
		}
		list = append(list, filesFor(arch, true).uki.name)
	}
	return list
}
