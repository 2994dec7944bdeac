// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var made = time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC)

func packed(t *testing.T) []byte {
	t.Helper()
	d := open(t)
	require.NoError(t, d.Write(t.Context(), SecretsFile, []byte("keys")))
	require.NoError(t, d.Write(t.Context(), KubeconfigFile, []byte("access")))
	require.NoError(t, d.UpdateJournal(t.Context(), func(j *Journal) { j.BootstrapNode = "cp1" }))
	require.NoError(t, os.MkdirAll(d.Path(AssetsDir), 0o700))
	require.NoError(t, d.Write(t.Context(), ArchiveKeyFile, []byte("key")))
	var out bytes.Buffer
	manifest, err := d.Pack(&out, "lab", made)
	require.NoError(t, err)
	require.Equal(t, "lab", manifest.Site)
	require.Len(t, manifest.Files, 4)
	return out.Bytes()
}

func TestAWorkDirectoryComesBackAsItWas(t *testing.T) {
	data := packed(t)
	empty := t.TempDir()
	for _, path := range []string{empty, filepath.Join(t.TempDir(), "above", "work")} {
		manifest, err := Unpack(t.Context(), path, bytes.NewReader(data), nil)
		require.NoError(t, err)
		require.Equal(t, made, manifest.Made)
		d, err := Open(path)
		require.NoError(t, err)
		j, err := d.Journal()
		require.NoError(t, err)
		require.Equal(t, "cp1", j.BootstrapNode)
		key, err := d.Read(ArchiveKeyFile)
		require.NoError(t, err)
		require.Equal(t, "key", string(key), "else an archive without a signature would be taken")
		require.NoError(t, d.Close())
		info, err := os.Stat(d.Path(SecretsFile))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		info, err = os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

		var full *NotEmptyError
		_, err = Unpack(t.Context(), path, bytes.NewReader(data), nil)
		require.ErrorAs(t, err, &full)
	}
}

// archive makes one with any files.
func archive(t *testing.T, files ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, header := range files {
		content := []byte(header.PAXRecords["test.content"])
		header.PAXRecords, header.Size, header.Mode = nil, int64(len(content)), 0o644
		if header.Typeflag != tar.TypeReg {
			header.Size = 0
		}
		require.NoError(t, w.WriteHeader(&header))
		if header.Typeflag == tar.TypeReg {
			_, err := w.Write(content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, PAXRecords: map[string]string{"test.content": content}}
}

func TestNothingIsRestoredFromWhatIsNoWholeBackup(t *testing.T) {
	whole := packed(t)
	list := func(files map[string]string) tar.Header {
		data, err := json.Marshal(Manifest{Version: 1, Site: "lab", Made: made, Files: files})
		require.NoError(t, err)
		return file(manifestName, string(data))
	}
	for name, data := range map[string][]byte{
		"empty":            nil,
		"text":             []byte("secrets: none\n"),
		"cut off":          whole[:len(whole)/2],
		"no list":          archive(t, file(SecretsFile, "keys")),
		"a newer form":     archive(t, file(manifestName, `{"version": 2}`)),
		"a file too few":   archive(t, list(map[string]string{SecretsFile: sum([]byte("keys"))})),
		"one too many":     archive(t, list(nil), file(SecretsFile, "keys")),
		"changed":          archive(t, list(map[string]string{SecretsFile: sum([]byte("keys"))}), file(SecretsFile, "kees")),
		"twice":            archive(t, list(map[string]string{SecretsFile: sum([]byte("k"))}), file(SecretsFile, "k"), file(SecretsFile, "k")),
		"outside":          archive(t, list(map[string]string{"../x": sum([]byte("k"))}), file("../x", "k")),
		"an approval":      archive(t, list(map[string]string{"approvals/node.cp1": sum([]byte("k"))}), file("approvals/node.cp1", "k")),
		"a symbolic link":  archive(t, list(nil), tar.Header{Typeflag: tar.TypeSymlink, Name: SecretsFile, Linkname: "/etc/shadow"}),
		"a list of a link": archive(t, tar.Header{Typeflag: tar.TypeSymlink, Name: manifestName, Linkname: "/etc/shadow"}),
	} {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			_, err := Unpack(t.Context(), filepath.Join(above, "work"), bytes.NewReader(data), nil)
			require.Error(t, err)
			left, err := os.ReadDir(above)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	refused := errors.New("of another site")
	_, err := Unpack(t.Context(), filepath.Join(t.TempDir(), "work"), bytes.NewReader(whole), func(Manifest) error { return refused })
	require.ErrorIs(t, err, refused)
}
