// SPDX-License-Identifier: Apache-2.0

// Package assets gets the kernel, the initramfs and the kernel arguments that machines are netbooted with: from a Talos
// image factory, once, into a cache directory, or from a directory the operator filled.
//
// Each file's SHA-256 is recorded when it is first fetched and checked whenever the files are used again. The package
// refuses to know machines and protocols of netboot, and how a schematic is made: it gets one with its id.
//
// Still missing: resuming a broken download, sums pinned by the site file, the UKI, fetching through a proxy with
// credentials.
package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Assets are the files of one Talos version and schematic, checked and ready to be served.
type Assets struct {
	Kernel    string   // path of the kernel
	Initramfs string   // path of the compressed initramfs
	Cmdline   []string // kernel arguments, one word each
}

// defaultCmdline is used for a directory without a file of arguments: what Talos 1.13 cannot start without on metal (it
// checks slab_nomerge and pti itself). The factory's own file has more.
func defaultCmdline() []string {
	return []string{"talos.platform=metal", "console=tty0", "init_on_alloc=1", "slab_nomerge", "pti=on"}
}

// defaultArch is the only architecture with a netboot path so far.
const defaultArch = "amd64"

// names are the factory's names for an architecture's files.
type names struct{ kernel, initramfs, cmdline string }

func namesFor(arch string) names {
	return names{
		kernel:    "kernel-" + arch,
		initramfs: "initramfs-" + arch + ".xz",
		cmdline:   "cmdline-metal-" + arch,
	}
}

// MissingError says that a directory lacks files.
type MissingError struct {
	Dir   string
	Names []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("boot assets: directory %s lacks %s", e.Dir, strings.Join(e.Names, " and "))
}

// Hint says where the files come from.
func (e *MissingError) Hint() string {
	return "download them from <factory>/image/<schematic id>/<Talos version>/<file name> into the directory"
}

// FromDir uses files an operator put into a directory, under the factory's names (kernel-amd64, initramfs-amd64.xz, and
// cmdline-metal-amd64, which may be absent). If the directory has a file SHA256SUMS, they must match it. No network is
// used and nothing is written. The error is a *MissingError or a *ChecksumError when that is the reason.
func FromDir(dir string) (Assets, error) {
	recorded, err := readSums(dir)
	if err != nil {
		return Assets{}, err
	}
	want := namesFor(defaultArch)
	missing := &MissingError{Dir: dir}
	for _, name := range []string{want.kernel, want.initramfs} {
		switch state, err := recorded.check(dir, name); {
		case err != nil:
			return Assets{}, err
		case state == absent:
			missing.Names = append(missing.Names, name)
		}
	}
	if len(missing.Names) > 0 {
		return Assets{}, missing
	}
	switch state, err := recorded.check(dir, want.cmdline); {
	case err != nil:
		return Assets{}, err
	case state == absent:
		return Assets{
			Kernel:    filepath.Join(dir, want.kernel),
			Initramfs: filepath.Join(dir, want.initramfs),
			Cmdline:   defaultCmdline(),
		}, nil
	}
	return open(dir, want)
}

// open reads the arguments beside files that were checked.
func open(dir string, from names) (Assets, error) {
	path := filepath.Join(dir, from.cmdline)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxCmdline {
		err = fmt.Errorf("%s: %d bytes: at most %d", path, info.Size(), maxCmdline)
	}
	if err != nil {
		return Assets{}, fmt.Errorf("read kernel arguments: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Assets{}, fmt.Errorf("read kernel arguments: %w", err)
	}
	args := strings.Fields(string(text))
	if len(args) == 0 {
		return Assets{}, fmt.Errorf("read kernel arguments: %s is empty", path)
	}
	return Assets{
		Kernel:    filepath.Join(dir, from.kernel),
		Initramfs: filepath.Join(dir, from.initramfs),
		Cmdline:   args,
	}, nil
}

// isAbsent says whether an error means that there is no such file.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
