// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "a", "b"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestEverythingIsForItsOwnerOnly(t *testing.T) {
	d := open(t)
	require.NoError(t, d.Write(t.Context(), "x", []byte("secret")))
	require.NoError(t, d.WriteOnce(t.Context(), "y", []byte("secret")))
	require.NoError(t, d.UpdateJournal(t.Context(), func(j *Journal) { j.BootstrapNode = "cp1" }))
	for _, name := range []string{"x", "y", JournalFile, lockFile} {
		info, err := os.Stat(d.Path(name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	info, err := os.Stat(d.Path(""))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

func TestAFileThatWasReadableForOthersIsNotAfterItWasWritten(t *testing.T) {
	path := t.TempDir()
	d, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	loose := filepath.Join(path, TalosconfigFile)
	require.NoError(t, os.WriteFile(loose, []byte("copied by hand"), 0o644))
	require.NoError(t, d.Write(t.Context(), TalosconfigFile, []byte("new")))
	info, err := os.Stat(loose)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
}

func TestOnlyOneProgramAtATime(t *testing.T) {
	d := open(t)
	_, err := Open(d.Path(""))
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.NoError(t, d.Close())
	again, err := Open(d.Path(""))
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestWriteOnceNeverReplaces(t *testing.T) {
	d := open(t)
	require.NoError(t, d.WriteOnce(t.Context(), SecretsFile, []byte("first")))
	err := d.WriteOnce(t.Context(), SecretsFile, []byte("second"))
	require.ErrorIs(t, err, fs.ErrExist)
	data, err := d.Read(SecretsFile)
	require.NoError(t, err)
	require.Equal(t, "first", string(data))
	left, err := filepath.Glob(d.Path("*.new"))
	require.NoError(t, err)
	require.Empty(t, left, "no litter")
}

func TestWriteOnceGoesOnAfterACrashThatLeftItsTemporaryFile(t *testing.T) {
	d := open(t)
	require.NoError(t, os.WriteFile(d.Path(SecretsFile+".new"), []byte("half"), 0o600))
	require.NoError(t, d.WriteOnce(t.Context(), SecretsFile, []byte("whole")))
	data, err := d.Read(SecretsFile)
	require.NoError(t, err)
	require.Equal(t, "whole", string(data))
}

func TestJournalLastsAndIsStrict(t *testing.T) {
	d := open(t)
	empty, err := d.Journal()
	require.NoError(t, err)
	require.Equal(t, Journal{}, empty)
	require.NoError(t, d.UpdateJournal(t.Context(), func(j *Journal) { j.BootstrapNode = "cp2" }))
	require.NoError(t, d.UpdateJournal(t.Context(), func(j *Journal) { j.Applied = map[string]bool{"cp2": true} }))
	j, err := d.Journal()
	require.NoError(t, err)
	require.Equal(t, Journal{BootstrapNode: "cp2", Applied: map[string]bool{"cp2": true}}, j)

	require.NoError(t, d.Write(t.Context(), JournalFile, []byte(`{"bootstrapNod": "cp1"}`)))
	_, err = d.Journal()
	var broken *BrokenJournalError
	require.ErrorAs(t, err, &broken)
	require.ErrorContains(t, err, "bootstrapNod")
}

func TestAMissingFileIsToldAsSuch(t *testing.T) {
	d, err := OpenForReading(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	_, err = d.Read(KubeconfigFile)
	require.ErrorIs(t, err, fs.ErrNotExist)
	there, err := d.Exists(KubeconfigFile)
	require.NoError(t, err)
	require.False(t, there)
}

func TestOpenRemovesWhatAKilledProgramLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with [brackets]")
	require.NoError(t, os.MkdirAll(path, 0o700))
	litter := []string{".secrets.yaml123", ".secrets.yaml.new123", "secrets.yaml.new", ".journal.json9", ".kubeconfig1"}
	mine := []string{"secrets.yaml", ".git", ".secrets.yaml.backup", "notes.new"}
	for _, name := range append(litter, mine...) {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600))
	}
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	for _, name := range litter {
		require.NoFileExists(t, d.Path(name))
	}
	for _, name := range mine {
		require.FileExists(t, d.Path(name))
	}
}

func TestTemporaryFilesLieInTheWorkDirectory(t *testing.T) {
	elsewhere := t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	d := open(t)
	require.NoError(t, os.Chmod(elsewhere, 0o500))
	require.NoError(t, d.Write(t.Context(), SecretsFile, []byte("secret")))
	left, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	require.Empty(t, left)
}
