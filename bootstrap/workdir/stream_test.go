// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestCreateWritesWholeFilesOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	broken := errors.New("the node fell silent")
	require.ErrorIs(t, Create(path, func(w io.Writer) error { return errors.Join(write("half")(w), broken) }), broken)
	require.NoFileExists(t, path)

	require.NoError(t, Create(path, write("whole")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.ErrorIs(t, Create(path, func(io.Writer) error { panic("nothing is asked for when there is a file") }), fs.ErrExist)

	var exists *ExistsError
	second := filepath.Join(dir, "b.db")
	require.ErrorAs(t, Create(second, func(io.Writer) error { return os.WriteFile(second, []byte("another's"), 0o600) }), &exists)
	data, err := os.ReadFile(second)
	require.NoError(t, err)
	require.Equal(t, "another's", string(data))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no litter")
}

func TestOnlyWhatNobodyWritesIsRemoved(t *testing.T) {
	dir := t.TempDir()
	litter := filepath.Join(dir, ".old.db.part-123")
	require.NoError(t, os.WriteFile(litter, []byte("secret"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old.db.part-123"), []byte("a person's"), 0o600))
	require.NoError(t, Create(filepath.Join(dir, "new.db"), func(w io.Writer) error {
		require.NoError(t, RemoveUnfinished(dir))
		return write("x")(w)
	}), "a file that is being written stays")
	require.NoFileExists(t, litter)
	require.FileExists(t, filepath.Join(dir, "old.db.part-123"))
}
