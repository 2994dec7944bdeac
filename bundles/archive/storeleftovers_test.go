// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhatAKilledRunLeftIsRemovedAndWhatOthersWriteIsNot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	dead := filepath.Join(dir, incomingFolder, "run-1")
	require.NoError(t, os.MkdirAll(dead, 0o700))
	write(t, filepath.Join(dead, "half"), "a layer")
	write(t, filepath.Join(dir, incomingFolder, "half"), "a layer of an earlier version")

	first, err := OpenStore(t.Context(), dir, nil)
	require.NoError(t, err)
	require.NoDirExists(t, dead)
	require.NoFileExists(t, filepath.Join(dir, incomingFolder, "half"))

	blob, err := first.newBlob(sumOf([]byte("content")))
	require.NoError(t, err)
	_, err = OpenStore(t.Context(), dir, nil) // another process
	require.NoError(t, err)
	_, err = blob.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, blob.commit(t.Context()))
	require.NoError(t, blob.close())
	require.True(t, first.hasBlob(sumOf([]byte("content"))))
}

// Many at once would each find the room that is there for one.
func TestRoomIsPromisedOnce(t *testing.T) {
	store := newStore(t)

	var about unix.Statfs_t
	require.NoError(t, unix.Statfs(store.dir, &about))

	const each = int64(8<<30 - 4)
	free := int64(about.Bavail) * about.Bsize
	store.space.promised = free - keepFree - each - each/2 // as others have been

	first, err := store.reserve(each)
	require.NoError(t, err)
	_, err = store.reserve(each)
	require.ErrorIs(t, err, syscall.ENOSPC)
	first.used(each / 4)
	first.release()
	first.release()
	require.Equal(t, free-keepFree-each-each/2, store.space.promised)
	_, err = store.reserve(each)
	require.NoError(t, err)
	_, err = store.reserve(-1)
	require.ErrorIs(t, err, syscall.ENOSPC)
}
