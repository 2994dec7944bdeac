// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs are the product's own binaries.
type Programs struct{ Install, Controller string }

// controllerStamp is what `make build` stamps cozy-controller with, so that an image can be made of it.
const controllerStamp = "-ldflags=github.com/cozystack/cozy-install/cmd/cozy-controller=-X main.version=cozy-controller-build:dev:;"

// BuildPrograms builds the product from the repository at root into a directory, as `make build` does, with more flags of
// go build.
func BuildPrograms(ctx context.Context, root, dir string, flags ...string) (Programs, error) {
	out, err := filepath.Abs(dir)
	if err != nil {
		return Programs{}, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return Programs{}, err
	}
	args := append([]string{"build", "-trimpath", controllerStamp, "-o", out + string(os.PathSeparator)}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/cozy-install", "./cmd/cozy-controller")...)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said bytes.Buffer
	build.Stdout, build.Stderr = &said, &said
	if err := build.Run(); err != nil {
		return Programs{}, fmt.Errorf("build cozy-install and cozy-controller: %w\n%s", err, said.String())
	}
	return Programs{Install: filepath.Join(out, "cozy-install"), Controller: filepath.Join(out, "cozy-controller")}, nil
}
