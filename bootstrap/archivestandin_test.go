// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// saveWithoutDigests is SaveBundle for images of which none can be made up for the digest that packages name.
func saveWithoutDigests(t *testing.T, o SaveOptions) (archive.Saved, error) {
	t.Helper()
	options, missing, err := o.savedController(t.Context())
	require.NoError(t, err)
	dir, err := workdir.Open(o.Options.WorkDir)
	require.NoError(t, err)
	defer dir.Close()
	b, err := newBringup(options, dir)
	require.NoError(t, err)
	dropDigests(b.plan)
	return b.save(t.Context(), o, missing)
}

func dropDigests(plan *bundles.Plan) {
	for i, p := range plan.Packages {
		if p.Name == controllerPackage {
			continue
		}
		for j, image := range p.Images {
			plan.Packages[i].Images[j], _, _ = strings.Cut(image, "@")
		}
	}
}

// fakeAssets are files that pass for a kernel and an initramfs.
func fakeAssets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	kernel := append(append([]byte("MZ"), make([]byte, 0x200)...), "HdrS and more"...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kernel-amd64"), kernel, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "initramfs-amd64.xz"), []byte("070701"), 0o600))
	return dir
}

// standInController is a program for amd64 that passes for cozy-controller.
func standInController(t *testing.T) string {
	t.Helper()
	source, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(source, "cmd", "cozy-controller"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(source, "go.mod"), []byte("module github.com/cozystack/cozy-install\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(source, "cmd", "cozy-controller", "main.go"),
		[]byte("package main\n\nvar version = \"dev\"\n\nfunc main() { println(version) }\n"), 0o600))
	stamp := "-s -w -X main.version=cozy-controller-build:" + standInVersion + ":0123456789abcdef0123456789abcdef01234567;"
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
		"-o", filepath.Join(dir, "cozy-controller-linux-amd64"), "-ldflags", stamp, "./cmd/cozy-controller")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOWORK=off")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	return dir
}
