// SPDX-License-Identifier: Apache-2.0

package sitesim

import (
	"fmt"
	"os"
	"path/filepath"
)

// Loaders gives the names and sizes of the simulated iPXE files: those of Debian's package, about as large.
func Loaders() map[string]int {
	return map[string]int{
		"undionly.kpxe": 74 << 10,
		"ipxe.pxe":      307 << 10,
		"ipxe.efi":      850 << 10,
		"snponly.efi":   174 << 10,
	}
}

// Loader gives the content of one simulated iPXE file. Nil: no such file.
func Loader(name string) []byte {
	size, ok := Loaders()[name]
	if !ok {
		return nil
	}

	return noise(size, 0, "SIMULATED iPXE, not a program: "+name+"\n")
}

// WriteLoaders fills an existing directory with simulated iPXE files, for --ipxe-dir.
func WriteLoaders(dir string) error {
	for name := range Loaders() {
		if err := os.WriteFile(filepath.Join(dir, name), Loader(name), 0o644); err != nil {
			return fmt.Errorf("write simulated loader: %w", err)
		}
	}

	return nil
}
