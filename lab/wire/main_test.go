// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is the program under test, made when the first test needs it and removed with the last.
type built struct {
	dir     string // empty: nothing was made
	program func() (string, error)
}

var shared = newBuilt()

func newBuilt() *built {
	b := &built{}
	b.program = sync.OnceValues(b.build)

	return b
}

// build makes the product's program as `make build` does.
func (b *built) build() (out string, err error) {
	if b.dir, err = os.MkdirTemp("", "cozy-wire-"); err != nil {
		return "", err
	}

	out = filepath.Join(b.dir, "cozy-install")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./cmd/cozy-install")
	build.Dir = "../.."
	build.Env = append(build.Environ(), "CGO_ENABLED=0")

	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cozy-install: %w\n%s", err, said)
	}

	return out, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
