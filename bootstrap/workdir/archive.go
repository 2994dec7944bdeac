// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// manifestName is the first file of an archive, which names the others.
	manifestName = "backup.json"
	// maxArchived bounds one file of an archive: the largest, the netboot record, has some hundred kilobytes.
	maxArchived = 16 << 20
	// archiveVersion is that of the form written here, and the only one that is read.
	archiveVersion = 1
)

// Manifest says what an archive of a work directory holds.
type Manifest struct {
	Version int               `json:"version"`
	Site    string            `json:"site"`
	Made    time.Time         `json:"made"`
	Files   map[string]string `json:"files"` // SHA-256 by name
}

// ArchiveError says that data is no whole archive of a work directory.
type ArchiveError struct{ Why string }

func (e *ArchiveError) Error() string { return "not a whole backup of a work directory: " + e.Why }

// archived are the names that an archive may hold: all that a site cannot be managed without, and what is small. Boot
// assets and snapshots are not among them.
func archived() []string {
	return []string{
		SecretsFile, EncryptedSecretsFile, TalosconfigFile, KubeconfigFile, JournalFile, NetbootFile, LeasesFile, ArchiveFile, ArchiveKeyFile,
	}
}

// Pack writes the small files of the directory as a tar archive. It needs no lock: each file is replaced as a whole.
func (d *Dir) Pack(to io.Writer, site string, now time.Time) (Manifest, error) {
	manifest := Manifest{Version: archiveVersion, Site: site, Made: now.UTC().Truncate(time.Second), Files: map[string]string{}}
	contents := map[string][]byte{}
	for _, name := range archived() {
		data, err := d.Read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Manifest{}, err
		}
		contents[name], manifest.Files[name] = data, sum(data)
	}
	head, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return Manifest{}, fmt.Errorf("encode the list of files: %w", err)
	}
	out := tar.NewWriter(to)
	errs := []error{pack(out, manifestName, head, manifest.Made)}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		errs = append(errs, pack(out, name, contents[name], manifest.Made))
	}
	if err := errors.Join(append(errs, out.Close())...); err != nil {
		return Manifest{}, fmt.Errorf("write the backup: %w", err)
	}
	return manifest, nil
}

func pack(to *tar.Writer, name string, data []byte, made time.Time) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: int64(fileMode), ModTime: made}
	if err := to.WriteHeader(header); err != nil {
		return err
	}
	_, err := to.Write(data)
	return err
}

func sum(data []byte) string {
	all := sha256.Sum256(data)
	return hex.EncodeToString(all[:])
}

// Unpack makes a work directory of an archive, all of it or nothing: the path must be missing, or be an empty directory.
// Check sees the list of files before anything is written, and may refuse; nil takes all.
func Unpack(ctx context.Context, path string, from io.Reader, check func(Manifest) error) (Manifest, error) {
	manifest, contents, err := readArchive(from)
	if err != nil {
		return Manifest{}, err
	}
	if check != nil {
		if err := check(manifest); err != nil {
			return Manifest{}, err
		}
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("work directory %s: %w", path, err)
	}
	return manifest, place(ctx, path, contents)
}

// readArchive takes only regular files whose names and sums the manifest has, each once.
func readArchive(from io.Reader) (Manifest, map[string][]byte, error) {
	in := tar.NewReader(from)
	name, head, err := nextFile(in)
	if errors.Is(err, io.EOF) {
		return Manifest{}, nil, &ArchiveError{Why: "it is empty"}
	}
	if err != nil {
		return Manifest{}, nil, err
	}
	var manifest Manifest
	decoder := json.NewDecoder(bytes.NewReader(head))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&manifest); name != manifestName || err != nil {
		return Manifest{}, nil, &ArchiveError{Why: "it does not begin with a list of files"}
	}
	if manifest.Version != archiveVersion {
		return Manifest{}, nil, &ArchiveError{Why: fmt.Sprintf("it is of version %d, and this program reads %d", manifest.Version, archiveVersion)}
	}
	contents := map[string][]byte{}
	for {
		name, data, err := nextFile(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Manifest{}, nil, err
		}
		if _, twice := contents[name]; twice || !slices.Contains(archived(), name) || manifest.Files[name] != sum(data) {
			return Manifest{}, nil, &ArchiveError{Why: fmt.Sprintf("%q is not what its list of files says", name)}
		}
		contents[name] = data
	}
	if len(contents) != len(manifest.Files) {
		return Manifest{}, nil, &ArchiveError{Why: fmt.Sprintf("it has %d of %d files", len(contents), len(manifest.Files))}
	}
	// Encrypted data proves only at its very end that none is missing.
	if _, err := io.Copy(io.Discard, io.LimitReader(from, maxArchived)); err != nil {
		return Manifest{}, nil, fmt.Errorf("read the backup: %w", err)
	}
	return manifest, contents, nil
}

func nextFile(in *tar.Reader) (string, []byte, error) {
	header, err := in.Next()
	if errors.Is(err, io.EOF) {
		return "", nil, io.EOF
	}
	if err != nil {
		return "", nil, &ArchiveError{Why: err.Error()}
	}
	if header.Typeflag != tar.TypeReg || header.Size > maxArchived {
		return "", nil, &ArchiveError{Why: fmt.Sprintf("%q is no file of a likely size", header.Name)}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxArchived))
	if err != nil {
		return "", nil, &ArchiveError{Why: err.Error()}
	}
	return header.Name, data, nil
}

// NotEmptyError says that a work directory was to be restored over another one.
type NotEmptyError struct{ Path string }

func (e *NotEmptyError) Error() string { return fmt.Sprintf("work directory %s is not empty", e.Path) }

// Hint says what to do with the old one.
func (e *NotEmptyError) Hint() string {
	return "nothing is overwritten: move it away first, or name another --work-dir"
}

// place writes the files into a directory beside the right one, and then gives it the name. An empty directory may have
// the name before.
func place(ctx context.Context, path string, contents map[string][]byte) (err error) {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the work directory: %w", err)
	}
	if len(entries) > 0 {
		return &NotEmptyError{Path: path}
	}
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return fmt.Errorf("make the directory above the work directory: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+unfinished+"*") // its mode is 0700
	if err != nil {
		return fmt.Errorf("make a directory beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	beside := &Dir{path: fresh}
	for name, data := range contents {
		if err := beside.Write(ctx, name, data); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put the restored work directory in its place: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("put the restored work directory in its place: %w", err)
	}
	return syncDir(filepath.Dir(path))
}
