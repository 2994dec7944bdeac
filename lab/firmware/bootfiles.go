// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BootFiles are the files that machines are booted with, under Talos's names.
type BootFiles struct {
	Dir   string
	Stamp string // in each initramfs: tells these files from all others
}

// Words of a kernel's command line that tell the ways to start it apart.
const (
	PathKernel = "cozy.path=kernel" // kernel and initramfs, by a loader's script
	PathUKI    = "cozy.path=uki"    // one EFI program, from the network
	PathDisk   = "cozy.path=disk"   // the same from a disk
)

// WriteBootFiles fills a directory for some architectures from what packages.sh fetched into cache.
func WriteBootFiles(ctx context.Context, root, cache, dir string, archs ...string) (BootFiles, error) {
	files := BootFiles{Dir: dir, Stamp: rand.Text()}
	for _, arch := range archs {
		if err := files.write(ctx, root, cache, arch); err != nil {
			return BootFiles{}, fmt.Errorf("make boot files for %s: %w", arch, err)
		}
	}
	return files, nil
}

// Cmdline is what a kernel of an architecture is told. A kernel that panics restarts, which ends its machine.
func Cmdline(arch, path string) string {
	console := "console=ttyS0"
	if arch == "arm64" {
		console = "console=ttyAMA0"
	}
	return "talos.platform=metal " + console + " panic=-1 " + path
}

// stubName is systemd's name of its UKI stub.
func stubName(arch string) string {
	if arch == "arm64" {
		return "linuxaa64.efi.stub"
	}
	return "linuxx64.efi.stub"
}

func (f BootFiles) write(ctx context.Context, root, cache, arch string) error {
	kernel, err := os.ReadFile(filepath.Join(cache, "kernel-"+arch))
	if err != nil {
		return err
	}
	stub, err := os.ReadFile(filepath.Join(cache, stubName(arch)))
	if err != nil {
		return err
	}
	program, err := buildInit(ctx, root, f.Dir, arch)
	if err != nil {
		return err
	}
	initramfs, err := writeInitramfs(
		entry{name: "dev", mode: isDir}, entry{name: "proc", mode: isDir},
		// The kernel opens it for its first process before anything could mount devtmpfs.
		entry{name: "dev/console", mode: isDevice, minor: 1},
		entry{name: "stamp", mode: isFile, data: []byte(f.Stamp)},
		entry{name: "init", mode: isFile, data: program},
	)
	if err != nil {
		return err
	}
	image, err := unifyKernel(stub, kernel, initramfs, Cmdline(arch, PathUKI))
	if err != nil {
		return err
	}
	return errors.Join(
		f.save("kernel-"+arch, kernel),
		f.save("initramfs-"+arch+".xz", initramfs), // Talos's name; the kernel looks at the first bytes
		f.save("cmdline-metal-"+arch, []byte(Cmdline(arch, PathKernel)+"\n")),
		f.save("metal-"+arch+"-uki.efi", image),
	)
}

func (f BootFiles) save(name string, data []byte) error {
	return os.WriteFile(filepath.Join(f.Dir, name), data, 0o644)
}

// buildInit compiles the machines' first process and returns it.
func buildInit(ctx context.Context, root, dir, arch string) ([]byte, error) {
	out := filepath.Join(dir, "init-"+arch)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./lab/firmware/init")
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build lab/firmware/init: %w\n%s", err, said)
	}
	data, err := os.ReadFile(out)
	return data, errors.Join(err, os.Remove(out))
}
