// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFetchOnceThenNeverAgain(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	first, err := Fetch(t.Context(), f.order(), cache)
	require.NoError(t, err)
	require.Equal(t, []string{"POST schematics", "GET kernel-amd64", "GET initramfs-amd64.xz", "GET cmdline-metal-amd64"}, f.asked())
	require.Equal(t, strings.Fields(cmdline), first.Cmdline)
	for path, want := range map[string][]byte{first.Kernel: f.files["kernel-amd64"], first.Initramfs: f.files["initramfs-amd64.xz"]} {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), path)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	}
	sums, err := os.ReadFile(filepath.Join(filepath.Dir(first.Kernel), "SHA256SUMS"))
	require.NoError(t, err)
	require.Contains(t, string(sums), hashOf(f.files["kernel-amd64"])+"  kernel-amd64\n")

	f.Close()
	again, err := Fetch(t.Context(), f.order(), cache)
	require.NoError(t, err, "the network is not used")
	require.Equal(t, first, again)
	fromDir, err := FromDir(filepath.Dir(first.Kernel))
	require.NoError(t, err)
	require.Equal(t, first, fromDir)
}

func TestFetchGoesOnWhereAKilledRunStopped(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	initramfs := f.files["initramfs-amd64.xz"]
	delete(f.files, "initramfs-amd64.xz")
	_, err := Fetch(t.Context(), f.order(), cache)
	require.ErrorContains(t, err, "404")
	require.ErrorContains(t, err, "initramfs-amd64.xz")
	f.asked()

	dir := filepath.Join(cache, f.order().ID, version)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "initramfs-amd64.xz"), []byte("half"), 0o600), "no sum was recorded for it")
	unfinished := filepath.Join(dir, ".initramfs-amd64.xz8674665223082153551")
	require.NoError(t, os.WriteFile(unfinished, []byte("half"), 0o600))
	f.files["initramfs-amd64.xz"] = initramfs
	got, err := Fetch(t.Context(), f.order(), cache)
	require.NoError(t, err)
	require.Equal(t, []string{"POST schematics", "GET initramfs-amd64.xz", "GET cmdline-metal-amd64"}, f.asked())
	data, err := os.ReadFile(got.Initramfs)
	require.NoError(t, err)
	require.True(t, bytes.Equal(initramfs, data))
	require.NoFileExists(t, unfinished)
}

func TestBrokenDownloadLeavesNoFile(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, "{\"id\":%q}", f.order().ID)
			return
		}
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("a beginning"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	_, err := Fetch(t.Context(), f.order(), cache)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	left, err := os.ReadDir(filepath.Join(cache, f.order().ID, version))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestChangedFilesAreNoticed(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	got, err := Fetch(t.Context(), f.order(), cache)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(got.Kernel, []byte("another kernel"), 0o600))
	for name, use := range map[string]func() (Assets, error){
		"Fetch":   func() (Assets, error) { return Fetch(t.Context(), f.order(), cache) },
		"FromDir": func() (Assets, error) { return FromDir(filepath.Dir(got.Kernel)) },
	} {
		_, err := use()
		var changed *ChecksumError
		require.ErrorAs(t, err, &changed, name)
		require.Equal(t, &ChecksumError{
			Path: got.Kernel, Got: hashOf([]byte("another kernel")), Want: hashOf(f.files["kernel-amd64"]),
		}, changed, name)
	}

	// The sum of the first fetch also holds when the file is fetched again.
	require.NoError(t, os.Remove(got.Kernel))
	f.files["kernel-amd64"] = []byte("the factory changed its mind")
	_, err = Fetch(t.Context(), f.order(), cache)
	var changed *ChecksumError
	require.ErrorAs(t, err, &changed)
	require.NoFileExists(t, got.Kernel)
}

func TestFactoryWithAnotherIDIsRefused(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	order := f.order()
	order.ID = hashOf([]byte("something else"))
	_, err := Fetch(t.Context(), order, cache)
	var other *SchematicError
	require.ErrorAs(t, err, &other)
	require.Equal(t, &SchematicError{URL: f.URL, Got: f.order().ID, Want: order.ID}, other)
	require.NoDirExists(t, filepath.Join(cache, order.ID))
}

func TestOrdersThatCannotBe(t *testing.T) {
	good := Factory{URL: "http://127.0.0.1:1", Schematic: []byte(schematic), ID: hashOf([]byte(schematic)), Version: version}
	for want, change := range map[string]func(*Factory){
		"want an http or https URL":     func(f *Factory) { f.URL = "ftp://factory" },
		"schematic id \"../..\"":        func(f *Factory) { f.ID = "../.." },
		"talos version \"v1.13/../..\"": func(f *Factory) { f.Version = "v1.13/../.." },
		"architecture \"sparc\"":        func(f *Factory) { f.Arch = "sparc" },
		"connection refused":            func(*Factory) {},
	} {
		order := good
		change(&order)
		_, err := Fetch(t.Context(), order, t.TempDir())
		require.ErrorContains(t, err, want)
	}
}

func TestOversizedFilesAreRefused(t *testing.T) {
	f := newFactory(t)
	f.files["cmdline-metal-amd64"] = bytes.Repeat([]byte("x"), maxCmdline+1)
	_, err := Fetch(t.Context(), f.order(), t.TempDir())
	require.ErrorContains(t, err, "65537 bytes or more")
}

func TestFetchEndsWithItsContext(t *testing.T) {
	f := newFactory(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-ctx.Done()
	})
	_, err := Fetch(ctx, f.order(), t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
}

func TestFromDir(t *testing.T) {
	dir := t.TempDir()
	_, err := FromDir(dir)
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"kernel-amd64", "initramfs-amd64.xz"}, missing.Names)
	require.NotEmpty(t, missing.Hint())

	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("kernel-amd64", "kernel")
	write("initramfs-amd64.xz", "initramfs")
	got, err := FromDir(dir)
	require.NoError(t, err)
	require.Equal(t, "talos.platform=metal", got.Cmdline[0], "arguments Talos needs")

	write("cmdline-metal-amd64", "talos.platform=metal x=y\n")
	got, err = FromDir(dir)
	require.NoError(t, err)
	require.Equal(t, Assets{
		Kernel:    filepath.Join(dir, "kernel-amd64"),
		Initramfs: filepath.Join(dir, "initramfs-amd64.xz"),
		Cmdline:   []string{"talos.platform=metal", "x=y"},
	}, got)

	write("SHA256SUMS", "not a sum  kernel-amd64\n")
	_, err = FromDir(dir)
	require.ErrorContains(t, err, "SHA256SUMS:1")
}
