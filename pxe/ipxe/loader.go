// SPDX-License-Identifier: Apache-2.0

// Package ipxe knows iPXE: which of its binaries a machine's firmware needs, where a distribution keeps them, and the
// scripts that tell it what to boot.
//
// It refuses to know machines and to serve anything. The binaries are GPL and never part of this repository: they are
// read from a directory.
//
// Still missing: arm64 binaries, a choice between snponly.efi and ipxe.efi per machine, sanboot and HTTP 404 as other
// ways to the local disk, autoexec.ipxe.
package ipxe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DefaultDir is where Debian's package "ipxe" puts the binaries.
const DefaultDir = "/usr/lib/ipxe"

// maxLoader is an order of magnitude above the largest iPXE build seen (1.1 MB).
const maxLoader = 16 << 20

// Loader is one iPXE binary.
type Loader struct {
	Name string // file name, and its name on the network
	Data []byte
}

// Loaders are the binaries for the firmware we serve.
type Loaders struct {
	BIOS Loader // x86-64 BIOS
	UEFI Loader // x86-64 UEFI
}

// MissingError says that a directory has no binary for some firmware.
type MissingError struct {
	Dir      string
	Firmware string
	Names    []string // any of them would do
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("iPXE for %s: directory %s has none of %s", e.Firmware, e.Dir, strings.Join(e.Names, ", "))
}

// Hint says where iPXE comes from.
func (e *MissingError) Hint() string {
	return "apt install ipxe, or name a directory that has the files with --ipxe-dir"
}

// Load reads the binaries of a directory; empty means DefaultDir. Symbolic links are followed, since Debian's ipxe.efi
// is one into /boot. The error is a *MissingError when a file is absent.
func Load(dir string) (Loaders, error) {
	if dir == "" {
		dir = DefaultDir
	}
	bios, err := load(dir, "BIOS", "undionly.kpxe")
	if err != nil {
		return Loaders{}, err
	}
	// snponly.efi uses the firmware's own network driver, which has worked once already to fetch it; the full build
	// brings drivers of its own that hang on some machines. Debian trixie's ipxe.efi is ipxe-amd64.efi.
	uefi, err := load(dir, "UEFI", "snponly.efi", "ipxe-amd64.efi", "ipxe.efi")
	if err != nil {
		return Loaders{}, err
	}
	return Loaders{BIOS: bios, UEFI: uefi}, nil
}

// load reads the first file that exists.
func load(dir, firmware string, names ...string) (Loader, error) {
	for _, name := range names {
		data, err := read(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Loader{}, fmt.Errorf("read iPXE for %s: %w", firmware, err)
		}
		return Loader{Name: name, Data: data}, nil
	}
	return Loader{}, &MissingError{Dir: dir, Firmware: firmware, Names: names}
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read: nothing to lose
	data, err := io.ReadAll(io.LimitReader(file, maxLoader+1))
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data) > maxLoader {
		return nil, fmt.Errorf("%s: %d bytes or more: an iPXE binary has 1 to %d", path, len(data), maxLoader)
	}
	return data, nil
}
