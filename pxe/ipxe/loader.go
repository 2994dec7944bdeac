// SPDX-License-Identifier: Apache-2.0

// Package ipxe knows iPXE: which of its binaries a machine's firmware needs, where a distribution keeps them, and the
// scripts that tell it what to boot.
//
// It refuses to know machines and to serve anything. The binaries are GPL and never part of this repository: they are
// read from a directory.
//
// Still missing: autoexec.ipxe, which recent UEFI builds look for beside themselves; they work without.
package ipxe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Loaders are the binaries for the firmware we serve. A zero Loader is one that the directory does not have.
type Loaders struct {
	BIOS Loader // x86-64 BIOS
	// Native is for machines whose ROM is an iPXE that lacks what we need: it brings its own drivers, since an UNDI loader
	// does not work when it is started by an iPXE (danderson/netboot#63).
	Native Loader
	UEFI   Loader   // x86-64 UEFI
	ARM64  Loader   // arm64 UEFI; Debian bookworm has none
	Named  []Loader // those that machines ask for by name
}

// All are the loaders that are there, each once.
func (l Loaders) All() []Loader {
	var all []Loader
	for _, loader := range append([]Loader{l.BIOS, l.Native, l.UEFI, l.ARM64}, l.Named...) {
		known := slices.ContainsFunc(all, func(other Loader) bool { return other.Name == loader.Name })
		if loader.Name != "" && !known {
			all = append(all, loader)
		}
	}
	return all
}

// Need says which loaders must be there.
type Need struct {
	X86   bool     // those for x86-64 BIOS and UEFI
	ARM64 bool     // that for arm64 UEFI
	Named []string // file names
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
	return "apt install ipxe, or name a directory that has the files with --ipxe-dir; where all machines boot the UKI by UEFI HTTP, --ipxe-dir none does without"
}

// NoDir instead of a directory says that there are no iPXE binaries: UEFI machines then boot the UKI alone.
const NoDir = "none"

// Load reads the binaries of a directory; empty means DefaultDir. Symbolic links are followed, since Debian's ipxe.efi
// is one into /boot. The error is a *MissingError when a needed file is absent.
func Load(dir string, need Need) (Loaders, error) {
	if dir == "" {
		dir = DefaultDir
	}
	var out Loaders
	for _, one := range []struct {
		into     *Loader
		firmware string
		needed   bool
		names    []string
	}{
		{&out.BIOS, "BIOS", need.X86, []string{"undionly.kpxe"}},
		{&out.Native, "BIOS with an old iPXE in its ROM", false, []string{"ipxe.pxe"}},
		// snponly.efi uses the firmware's own network driver, which has worked once already to fetch it; the full build
		// brings drivers of its own that hang on some machines. Debian trixie's ipxe.efi is ipxe-amd64.efi.
		{&out.UEFI, "UEFI", need.X86, []string{"snponly.efi", "ipxe-amd64.efi", "ipxe.efi"}},
		{&out.ARM64, "arm64 UEFI", need.ARM64, []string{"snponly-arm64.efi", "ipxe-arm64.efi"}},
	} {
		loader, err := load(dir, one.firmware, one.names...)
		var missing *MissingError
		if errors.As(err, &missing) && !one.needed {
			continue
		}
		if err != nil {
			return Loaders{}, err
		}
		*one.into = loader
	}
	for _, name := range need.Named {
		loader, err := load(dir, "a machine that asks for it", name)
		if err != nil {
			return Loaders{}, err
		}
		out.Named = append(out.Named, loader)
	}
	return out, nil
}

// load reads the first file that exists.
func load(dir, firmware string, names ...string) (Loader, error) {
	for _, name := range names {
		if dir == NoDir {
			break
		}
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
