// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mount puts a small file system over a new directory.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("assets-test", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestAFullDiskIsNamedAndWhatIsThereIsKept(t *testing.T) {
	f, cache := newFactory(t), mount(t, "size=128k,nr_inodes=100")
	_, err := Fetch(t.Context(), f.order(), Want{}, cache)
	var full *CacheError
	require.ErrorAs(t, err, &full)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Contains(t, full.Hint(), "is full")
	require.Len(t, f.asked(), 3, "it is not tried again")

	part, err := os.Stat(filepath.Join(f.dir(cache), resumed+".part"))
	require.NoError(t, err)
	require.NoError(t, unix.Mount("", cache, "", unix.MS_REMOUNT, "size=10m"))
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err)
	require.Contains(t, f.asked(), rest(int(part.Size())))
	requireFetched(t, f, cache, resumed)
}

func TestAReadOnlyCacheIsNamedUnlessItIsFull(t *testing.T) {
	f, cache := newFactory(t), mount(t, "size=10m")
	readOnly := func(flag uintptr) { require.NoError(t, unix.Mount("", cache, "", unix.MS_REMOUNT|flag, "")) }
	readOnly(unix.MS_RDONLY)
	_, err := Fetch(t.Context(), f.order(), Want{}, cache)
	var denied *CacheError
	require.ErrorAs(t, err, &denied)
	require.ErrorIs(t, err, syscall.EROFS)
	require.Contains(t, denied.Hint(), "read-only")
	require.Empty(t, f.asked(), "nothing is fetched that cannot be kept")

	readOnly(0)
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err)
	readOnly(unix.MS_RDONLY)
	f.Close()
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err, "what is whole needs no writing")
}

func TestACacheOfAnotherUserIsNamed(t *testing.T) {
	require.Contains(t, (&CacheError{Err: syscall.EACCES}).Hint(), "not for this user")
	f := newFactory(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Fetch(t.Context(), f.order(), Want{}, file)
	require.ErrorContains(t, err, "not a directory")
}
