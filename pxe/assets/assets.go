// SPDX-License-Identifier: Apache-2.0

// Package assets gets the files that machines are netbooted with: kernel, initramfs, kernel arguments and the unified
// kernel image (UKI), for each architecture. They come from a Talos image factory, once, into a cache directory, or from a
// directory the operator filled.
//
// Each file's SHA-256 is recorded when it is first fetched, or pinned by the caller, and checked whenever the files are used
// again, as is that its content is of the kind its name says. The package refuses to know machines and protocols of
// netboot, and how a schematic is made: it gets one with its id.
//
// Still missing: a factory that asks for a token in a header, and fetching only the files that the site's machines boot.
package assets

import (
	"fmt"
	"maps"
	"slices"
)

// Architectures that can be netbooted, in Talos's words.
const (
	AMD64 = "amd64"
	ARM64 = "arm64"
)

// Assets are the files of one Talos version and schematic, checked and ready to be served from one directory.
type Assets struct {
	Dir  string
	Sets map[string]Set // by architecture
}

// Set is one architecture's files. At least one of the two ways to boot, IPXE and UEFI, is there.
type Set struct {
	Kernel    string   // file name inside the directory; empty when it or the initramfs is not there
	Initramfs string   // as Kernel
	UKI       string   // file name inside the directory; empty when not there
	Cmdline   []string // kernel arguments for Kernel, one word each. A UKI has its own inside.
}

// IPXE says whether the set has what iPXE boots: kernel and initramfs.
func (s Set) IPXE() bool { return s.Kernel != "" && s.Initramfs != "" }

// UEFI says whether the set has what UEFI firmware boots without iPXE: the UKI.
func (s Set) UEFI() bool { return s.UKI != "" }

// Gaps says, in a sentence for each, which machines the assets have nothing for although others of their architecture can
// boot. It is empty for assets that were fetched.
func (a Assets) Gaps() []string {
	var list []string
	for _, arch := range slices.Sorted(maps.Keys(a.Sets)) {
		names := filesFor(arch, false)
		switch set := a.Sets[arch]; {
		case !set.IPXE():
			list = append(list, fmt.Sprintf("no %s with %s: %s machines that boot by iPXE are not served",
				names.kernel.name, names.initramfs.name, arch))
		case !set.UEFI():
			list = append(list, fmt.Sprintf("no %s: %s machines that boot by UEFI without iPXE are not served",
				names.uki.name, arch))
		}
	}
	return list
}

// Want says which files a site needs.
type Want struct {
	Archs      []string          // empty: amd64. Repetitions do no harm.
	SecureBoot bool              // the UKI must be the one that is signed for Secure Boot
	Pinned     map[string]string // file name -> SHA-256 in hex, which wins over what a directory records
}

// files gives the files of each wanted architecture, and refuses wishes that cannot be.
func (w Want) files() ([]files, error) {
	if err := checkPins(w.Pinned); err != nil {
		return nil, err
	}
	archs := slices.Compact(slices.Sorted(slices.Values(w.Archs)))
	if len(archs) == 0 {
		archs = []string{AMD64}
	}
	var list []files
	for _, arch := range archs {
		if !slices.Contains(architectures(), arch) {
			return nil, fmt.Errorf("boot assets: architecture %q: want one of %v", arch, architectures())
		}
		list = append(list, filesFor(arch, w.SecureBoot))
	}
	return list, nil
}
