// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatADirectoryIsGoodFor(t *testing.T) {
	const (
		kernel64, initramfs64, uki64 = "kernel-amd64", "initramfs-amd64.xz", "metal-amd64-uki.efi"
		signed64, ukiARM             = "metal-amd64-secureboot-uki.efi", "metal-arm64-uki.efi"
	)
	plain := []string{"talos.platform=metal", "console=tty0", "init_on_alloc=1", "slab_nomerge", "pti=on"}
	for name, c := range map[string]struct {
		files  []string
		want   Want
		sets   map[string]Set
		gaps   []string
		lacks  []Lack
		reason string // of lacks
	}{
		"both ways": {
			files: []string{kernel64, initramfs64, uki64},
			sets:  map[string]Set{AMD64: {Kernel: kernel64, Initramfs: initramfs64, UKI: uki64, Cmdline: plain}},
		},
		"iPXE only": {
			files: []string{kernel64, initramfs64},
			sets:  map[string]Set{AMD64: {Kernel: kernel64, Initramfs: initramfs64, Cmdline: plain}},
			gaps:  []string{"no metal-amd64-uki.efi: amd64 machines that boot by UEFI without iPXE are not served"},
		},
		"UEFI only": {
			files: []string{uki64, kernel64},
			sets:  map[string]Set{AMD64: {UKI: uki64}},
			gaps:  []string{"no kernel-amd64 with initramfs-amd64.xz: amd64 machines that boot by iPXE are not served"},
		},
		"two architectures": {
			files: []string{uki64, "kernel-arm64", "initramfs-arm64.xz", ukiARM}, want: Want{Archs: []string{AMD64, ARM64}},
			sets: map[string]Set{AMD64: {UKI: uki64}, ARM64: {
				Kernel: "kernel-arm64", Initramfs: "initramfs-arm64.xz", UKI: ukiARM,
				Cmdline: []string{"talos.platform=metal", "console=ttyAMA0", "console=tty0", "init_on_alloc=1", "slab_nomerge", "pti=on"},
			}},
			gaps: []string{"no kernel-amd64 with initramfs-amd64.xz: amd64 machines that boot by iPXE are not served"},
		},
		"Secure Boot": {
			files: []string{signed64}, want: Want{SecureBoot: true},
			sets: map[string]Set{AMD64: {UKI: signed64}},
			gaps: []string{"no kernel-amd64 with initramfs-amd64.xz: amd64 machines that boot by iPXE are not served"},
		},
		"neither": {
			files:  []string{kernel64},
			lacks:  []Lack{{Arch: AMD64, IPXE: []string{initramfs64}, UEFI: uki64}},
			reason: "amd64 machines need initramfs-amd64.xz to boot by iPXE, or metal-amd64-uki.efi to boot by UEFI without it",
		},
		"one architecture of two": {
			files: []string{kernel64, initramfs64}, want: Want{Archs: []string{AMD64, ARM64}},
			lacks:  []Lack{{Arch: ARM64, IPXE: []string{"kernel-arm64", "initramfs-arm64.xz"}, UEFI: ukiARM}},
			reason: "arm64 machines need kernel-arm64 and initramfs-arm64.xz to boot by iPXE, or metal-arm64-uki.efi",
		},
		"Secure Boot with the plain UKI": {
			files: []string{kernel64, initramfs64, uki64}, want: Want{SecureBoot: true},
			lacks:  []Lack{{Arch: AMD64, UEFI: signed64, SecureBoot: true}},
			reason: "amd64 machines under Secure Boot need metal-amd64-secureboot-uki.efi",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files...)
			got, err := FromDir(dir, c.want)
			if c.lacks != nil {
				var missing *MissingError
				require.ErrorAs(t, err, &missing)
				require.Equal(t, &MissingError{Dir: dir, Lacks: c.lacks}, missing)
				require.ErrorContains(t, err, c.reason)
				require.NotEmpty(t, missing.Hint())
				return
			}
			require.NoError(t, err)
			require.Equal(t, Assets{Dir: dir, Sets: c.sets}, got)
			require.Equal(t, c.gaps, got.Gaps())
			list, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, list, len(c.files), "nothing is written")
		})
	}
}

func TestWhatIsWrongInADirectoryIsNamed(t *testing.T) {
	kernelSum := hashOf(content(filesFor(AMD64, false).kernel))
	put := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
	}
	for want, c := range map[string]struct {
		change func(t *testing.T, dir string)
		pins   map[string]string
	}{
		"SHA-256 is " + kernelSum + ", recorded was " + hashOf(nil): {change: put("SHA256SUMS", hashOf(nil)+"  kernel-amd64\n")},
		"assets.sha256 pins " + hashOf(nil):                         {pins: map[string]string{"kernel-amd64": hashOf(nil)}},
		"SHA256SUMS:2: want":                                        {change: put("SHA256SUMS", hashOf(nil)+" *unknown\nnot a sum  kernel-amd64\n")},
		`not one line of kernel arguments: begins with "talos.platform=metal\n\nimgfree`: {
			change: put("cmdline-metal-amd64", "talos.platform=metal\n\nimgfree\n"),
		},
		"not an initramfs (xz, zstd, gzip or cpio): begins with": {change: put("initramfs-amd64.xz", "<html>")},
		"not an EFI program for amd64":                           {change: put("metal-amd64-uki.efi", string(content(filesFor(ARM64, false).uki)))},
		"not a regular file": {change: func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "metal-amd64-uki.efi"), 0o600))
		}},
		"no such file": {change: func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(dir))
		}},
	} {
		dir := t.TempDir()
		write(t, dir, "kernel-amd64", "initramfs-amd64.xz")
		_, err := FromDir(dir, Want{})
		require.NoError(t, err)
		if c.change != nil {
			c.change(t, dir)
		}
		_, err = FromDir(dir, Want{Pinned: c.pins})
		require.ErrorContains(t, err, want)
	}
}

func TestArgumentsOfADirectoryAreUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "kernel-amd64", "initramfs-amd64.xz")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cmdline-metal-amd64"), []byte("talos.platform=metal  x=<y>\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(hashOf(nil)+"  kernel-amd64\n"), 0o600))
	got, err := FromDir(dir, Want{Pinned: map[string]string{"kernel-amd64": hashOf(content(filesFor(AMD64, false).kernel))}})
	require.NoError(t, err, "the pin wins over what is recorded")
	require.Equal(t, []string{"talos.platform=metal", "x=<y>"}, got.Sets[AMD64].Cmdline)
}
