// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFetchOnceThenNeverAgain(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	want := Want{Archs: []string{ARM64, AMD64, AMD64}}
	first, err := Fetch(t.Context(), f.order(), want, cache)
	require.NoError(t, err)
	require.Equal(t, []string{
		"POST schematics",
		"GET kernel-amd64", "GET initramfs-amd64.xz", "GET cmdline-metal-amd64", "GET metal-amd64-uki.efi",
		"GET kernel-arm64", "GET initramfs-arm64.xz", "GET cmdline-metal-arm64", "GET metal-arm64-uki.efi",
	}, f.asked())
	require.Equal(t, Assets{Dir: f.dir(cache), Sets: map[string]Set{
		AMD64: {Kernel: "kernel-amd64", Initramfs: "initramfs-amd64.xz", UKI: "metal-amd64-uki.efi", Cmdline: strings.Fields(arguments)},
		ARM64: {Kernel: "kernel-arm64", Initramfs: "initramfs-arm64.xz", UKI: "metal-arm64-uki.efi", Cmdline: strings.Fields(arguments)},
	}}, first)
	require.Empty(t, first.Gaps())

	sums, err := os.ReadFile(filepath.Join(first.Dir, "SHA256SUMS"))
	require.NoError(t, err)
	for _, name := range []string{"kernel-amd64", "metal-arm64-uki.efi", "cmdline-metal-amd64"} {
		got, err := os.ReadFile(filepath.Join(first.Dir, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(f.files[name], got), name)
		info, err := os.Stat(filepath.Join(first.Dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		require.Contains(t, string(sums), hashOf(f.files[name])+"  "+name+"\n")
	}

	f.Close()
	again, err := Fetch(t.Context(), f.order(), want, cache)
	require.NoError(t, err, "the network is not used")
	require.Equal(t, first, again)
	fromDir, err := FromDir(first.Dir, want)
	require.NoError(t, err)
	require.Equal(t, first, fromDir)
}
