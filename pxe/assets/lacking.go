// SPDX-License-Identifier: Apache-2.0

package assets

import "slices"

// Lacking says which files are not among the names of those there are: nil if FromDir would find enough. The error is a
// *MissingError without a directory.
func (w Want) Lacking(names []string) error {
	wanted, err := w.files()
	if err != nil {
		return err
	}
	missing := &MissingError{}
	for _, one := range wanted {
		has := func(f file) bool { return slices.Contains(names, f.name) }
		if has(one.uki) || (!one.secureBoot && has(one.kernel) && has(one.initramfs)) {
			continue
		}
		lack := Lack{Arch: one.arch, SecureBoot: one.secureBoot, UEFI: one.uki.name}
		for _, f := range []file{one.kernel, one.initramfs} {
			if !has(f) {
				lack.IPXE = append(lack.IPXE, f.name)
			}
		}
		missing.Lacks = append(missing.Lacks, lack)
	}
	if len(missing.Lacks) > 0 {
		return missing
	}
	return nil
}
