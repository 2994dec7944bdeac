// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// FromDir uses files an operator put into a directory, under the factory's names:
//
//	kernel-amd64, initramfs-amd64.xz   for machines that boot by iPXE; cmdline-metal-amd64 may be absent
//	metal-amd64-uki.efi                for UEFI firmware without iPXE; under Secure Boot metal-amd64-secureboot-uki.efi
//
// and the same for arm64. One of the two ways is enough for each architecture (Assets.Gaps tells which is lacking), and
// under Secure Boot it must be the UKI. Files that are pinned, or listed in the directory's SHA256SUMS, must match. No
// network is used and nothing is written. The error is a *MissingError, a *ChecksumError or a *ContentError when that is
// the reason.
func FromDir(dir string, want Want) (Assets, error) {
	wanted, err := want.files()
	if err != nil {
		return Assets{}, err
	}
	if _, err := os.Stat(dir); err != nil {
		return Assets{}, fmt.Errorf("boot assets: directory: %w", err)
	}
	expected, err := want.expect(dir)
	if err != nil {
		return Assets{}, err
	}
	found := Assets{Dir: dir, Sets: map[string]Set{}}
	missing := &MissingError{Dir: dir}
	for _, names := range wanted {
		set, lack, err := expected.set(dir, names)
		if err != nil {
			return Assets{}, err
		}
		found.Sets[names.arch] = set
		if !set.UEFI() && (names.secureBoot || !set.IPXE()) {
			missing.Lacks = append(missing.Lacks, lack)
		}
	}
	if len(missing.Lacks) > 0 {
		return Assets{}, missing
	}
	return found, nil
}

// set checks what is there of one architecture's files and says what is not.
func (e expectations) set(dir string, names files) (Set, Lack, error) {
	var set Set
	lack := Lack{Arch: names.arch, SecureBoot: names.secureBoot}
	for _, f := range names.all() {
		switch err := e.check(dir, f); {
		case err == nil:
			set.put(f)
		case !errors.Is(err, fs.ErrNotExist):
			return Set{}, Lack{}, err
		case f.kind == kernel || f.kind == initramfs:
			lack.IPXE = append(lack.IPXE, f.name)
		case f.kind == uki:
			lack.UEFI = f.name
		default: // the arguments have a default
		}
	}
	if !set.IPXE() {
		set.Kernel, set.Initramfs = "", ""
		return set, lack, nil
	}
	var err error
	set.Cmdline, err = readCmdline(dir, names.cmdline)
	return set, lack, err
}

func (s *Set) put(f file) {
	switch f.kind {
	case kernel:
		s.Kernel = f.name
	case initramfs:
		s.Initramfs = f.name
	case uki:
		s.UKI = f.name
	case cmdline: // is read
	}
}
