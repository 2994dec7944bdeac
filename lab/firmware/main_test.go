// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cozystack/cozy-install/lab/firmware"
)

const (
	repository = "../.."
	cache      = repository + "/.cache/firmware"
)

// made is what all tests share, made when the first of them needs it and removed with the last.
type made struct {
	root    string // empty: nothing was made
	dir     func() (string, error)
	product func() (string, error)
	files   map[string]func() (firmware.BootFiles, error) // by architecture
}

var shared = newMade()

func newMade() *made {
	m := &made{}
	m.dir = sync.OnceValues(func() (dir string, err error) {
		m.root, err = os.MkdirTemp("", "cozy-firmware-")
		return m.root, err
	})
	m.product = sync.OnceValues(m.buildProduct)
	m.files = map[string]func() (firmware.BootFiles, error){}
	for _, arch := range []string{"amd64", "arm64"} {
		m.files[arch] = sync.OnceValues(func() (firmware.BootFiles, error) { return m.writeFiles(arch) })
	}
	return m
}

func (m *made) buildProduct() (string, error) {
	dir, err := m.dir()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "cozy-install")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./cmd/cozy-install")
	build.Dir = repository
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cozy-install: %w\n%s", err, said)
	}
	return out, nil
}

func (m *made) writeFiles(arch string) (firmware.BootFiles, error) {
	dir, err := m.dir()
	if err != nil {
		return firmware.BootFiles{}, err
	}
	dir = filepath.Join(dir, arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return firmware.BootFiles{}, err
	}
	return firmware.WriteBootFiles(context.Background(), repository, cache, dir, arch)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(shared.root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
