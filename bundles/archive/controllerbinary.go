// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ControllerBinaries says where the programs are that cozy-controller's image is made of, and what they must be.
type ControllerBinaries struct {
	// Dir holds one program a platform, named as `make build` does: cozy-controller-linux-amd64, cozy-controller-linux-arm64.
	Dir string
	// Version is what they must have been built as: the version of the cozy-install that installs them.
	Version string
}

// controllerPackage is what a program of that name must have been built from.
const controllerPackage = "github.com/cozystack/cozy-install/cmd/cozy-controller"

// maxBinary bounds a program. It has some 40 MB.
const maxBinary = 512 << 20

// controllerMachines are the architectures there is an image for, in the order of its index, and how ELF calls them.
func controllerMachines() []machine {
	return []machine{{"amd64", elf.EM_X86_64}, {"arm64", elf.EM_AARCH64}}
}

type machine struct {
	arch string // as Go and OCI call it
	elf  elf.Machine
}

// binary is a program that was looked at.
type binary struct {
	path, arch        string
	version, revision string // as it was stamped; the revision may be empty
	size              int64
}

// BinariesError says what is wrong with the programs of an image.
type BinariesError struct {
	Dir      string
	Problems []string // one at least; each names its file
	Absent   bool     // there is no program at all
}

func (e *BinariesError) Error() string {
	return fmt.Sprintf("programs of cozy-controller in %s: %s", e.Dir, strings.Join(e.Problems, "; "))
}

// Hint says where such programs come from.
func (e *BinariesError) Hint() string {
	return "`make build` puts them beside cozy-install; name another directory with --controller-binaries, " +
		"or an image that is there already with --controller-image"
}

// find looks at the programs of the directory. A platform without one is left out; nothing at all, or a program that is not
// what its name says, is a *BinariesError.
func (b ControllerBinaries) find() (found []binary, missing []string, err error) {
	wrong := &BinariesError{Dir: b.Dir}
	for _, m := range controllerMachines() {
		name := "cozy-controller-linux-" + m.arch
		one, err := inspect(filepath.Join(b.Dir, name), m)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
			continue
		case err != nil:
			wrong.Problems = append(wrong.Problems, fmt.Sprintf("%s: %v", name, err))
		case one.version != b.Version:
			wrong.Problems = append(wrong.Problems, fmt.Sprintf("%s is of version %s, and cozy-install of %s", name, one.version, b.Version))
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		wrong.Absent, wrong.Problems = true, []string{"there is neither " + strings.Join(missing, " nor ")}
	}
	if len(wrong.Problems) > 0 {
		return nil, nil, wrong
	}
	return found, missing, nil
}

func inspect(path string, want machine) (binary, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return binary{}, errors.Unwrap(err) // the path is said
	case !info.Mode().IsRegular():
		return binary{}, errors.New("not a file")
	case info.Size() > maxBinary:
		return binary{}, fmt.Errorf("larger than %d MiB", maxBinary>>20)
	}
	if err := checkELF(path, want); err != nil {
		return binary{}, err
	}
	if err := checkBuild(path, want); err != nil {
		return binary{}, err
	}
	out := binary{path: path, arch: want.arch, size: info.Size()}
	out.version, out.revision, err = stamped(path)
	return out, err
}

// checkELF makes sure that the program runs on Linux of that machine with nothing else in the image: no loader, no libraries.
func checkELF(path string, want machine) error {
	file, err := elf.Open(path)
	if err != nil {
		return errors.New("not an ELF program")
	}
	defer file.Close()
	if file.Machine != want.elf {
		return fmt.Errorf("a program for %s, not %s", file.Machine, want.elf)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("linked to libraries, which the image has not: build it with CGO_ENABLED=0")
		}
	}
	return nil
}

func checkBuild(path string, want machine) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return errors.New("not built by Go")
	}
	if info.Path != controllerPackage {
		return fmt.Errorf("built from %s, not %s", info.Path, controllerPackage)
	}
	for _, s := range info.Settings {
		if (s.Key == "GOOS" && s.Value != "linux") || (s.Key == "GOARCH" && s.Value != want.arch) {
			return fmt.Errorf("built with %s=%s", s.Key, s.Value)
		}
	}
	return nil
}

// stamped finds what the linker was told about a program: version and commit, between marks (cmd/cozy-controller/main.go).
// Build information has neither with the flags that the programs are built with (-trimpath, -buildvcs=false), and a program
// of another platform can't be asked.
func stamped(path string) (version, revision string, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", "", errors.Unwrap(err) // the path is said
	}
	found := regexp.MustCompile(`cozy-controller-build:([\w.+-]{1,128}):([0-9a-f]{0,64});`).FindSubmatch(content)
	if found == nil {
		return "", "", errors.New("not stamped with its version: build it with `make build`")
	}
	return string(found[1]), string(found[2]), nil
}
