// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writing is an archive that is put together. The same parts always make the same file.
type writing struct {
	cache    cache
	contents Contents
	key      *Key
	blobs    map[v1.Hash]int64 // with their sizes; in the cache when it is written
	assets   map[string]asset  // by name in the archive
}

type asset struct {
	path string
	size int64
	sum  v1.Hash
}

// small is a file of the archive that is in memory.
type small struct {
	name    string
	content []byte
}

// size is about that of the archive, in bytes.
func (w *writing) size() int64 {
	out := int64(maxSmallFile)
	for _, size := range w.blobs {
		out += size + 1024 // header and padding
	}
	for _, asset := range w.assets {
		out += asset.size + 1024
	}
	return out
}

// write makes the file. One that was there is replaced only by a whole one.
func (w *writing) write(ctx context.Context, file string, say func(string)) (out Saved, err error) {
	heads, err := w.heads()
	if err != nil {
		return Saved{}, err
	}
	say(fmt.Sprintf("writing %s: some %s", file, humanize.IBytes(uint64(w.size()))))
	part := file + ".part" // of a fixed name: what a killed run left is written over
	to, err := os.Create(part)
	if err != nil {
		return Saved{}, fmt.Errorf("write the archive: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if err := errors.Join(w.fill(ctx, to, heads), to.Sync(), to.Close()); err != nil {
		return Saved{}, fmt.Errorf("write the archive: %w", err)
	}
	info, err := os.Stat(part)
	if err != nil {
		return Saved{}, err
	}
	if err := os.Rename(part, file); err != nil {
		return Saved{}, fmt.Errorf("write the archive: %w", err)
	}
	out = Saved{File: file, Bytes: info.Size(), SHA256: sumOf(heads[0].content).Hex, Contents: w.contents}
	if w.key != nil {
		out.PublicKey = w.key.Public()
	}
	return out, syncDir(filepath.Dir(file))
}

func syncDir(dir string) error {
	open, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(open.Sync(), open.Close())
}

// heads are the files before the large ones: what they sum up must be known first.
func (w *writing) heads() ([]small, error) {
	slices.SortFunc(w.contents.Images, func(a, b SavedImage) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.contents.Charts, func(a, b SavedChart) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	contents, err := json.MarshalIndent(w.contents, "", "  ")
	if err != nil {
		return nil, err
	}
	index, err := w.index()
	if err != nil {
		return nil, err
	}
	named := []small{{contentsFile, append(contents, '\n')}, {layoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {indexFile, index}}
	var sums bytes.Buffer
	for _, one := range named {
		fmt.Fprintf(&sums, "%s  %s\n", sumOf(one.content).Hex, one.name)
	}
	for _, name := range sortedKeys(w.assets) {
		fmt.Fprintf(&sums, "%s  %s%s\n", w.assets[name].sum.Hex, assetsFolder, name)
	}
	for _, sum := range w.sortedBlobs() {
		fmt.Fprintf(&sums, "%s  %s\n", sum.Hex, blobFile(sum))
	}
	heads := []small{{sumsFile, sums.Bytes()}}
	if w.key != nil {
		signature, err := w.key.sign(sums.Bytes())
		if err != nil {
			return nil, err
		}
		heads = append(heads, small{signatureFile, signature})
	}
	return append(heads, named...), nil
}

func (w *writing) sortedBlobs() []v1.Hash {
	out := make([]v1.Hash, 0, len(w.blobs))
	for sum := range w.blobs {
		out = append(out, sum)
	}
	slices.SortFunc(out, func(a, b v1.Hash) int { return cmp.Compare(a.Hex, b.Hex) })
	return out
}

func (w *writing) fill(ctx context.Context, to io.Writer, heads []small) error {
	out := tar.NewWriter(to)
	for _, head := range heads {
		if err := writeEntry(out, head.name, int64(len(head.content)), sumOf(head.content), bytes.NewReader(head.content)); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(w.assets) {
		asset := w.assets[name]
		if err := copyFile(ctx, out, assetsFolder+name, asset.path, asset.size, asset.sum); err != nil {
			return err
		}
	}
	for _, sum := range w.sortedBlobs() {
		err := copyFile(ctx, out, blobFile(sum), w.cache.path(sum), w.blobs[sum], sum)
		if wrong := (*wrongBlobError)(nil); errors.As(err, &wrong) {
			return errors.Join(fmt.Errorf("%s in the cache was changed, and is fetched again by the next run: %w", sum, err), os.Remove(w.cache.path(sum)))
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}

func copyFile(ctx context.Context, to *tar.Writer, name, path string, size int64, sum v1.Hash) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close() // only read
	return writeEntry(to, name, size, sum, &cancellable{ctx, from})
}

// writeEntry adds a file, which must have the size and sum that were announced.
func writeEntry(to *tar.Writer, name string, size int64, sum v1.Hash, content io.Reader) error {
	// No time and no owner: they would differ from run to run.
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, Format: tar.FormatUSTAR}
	if err := to.WriteHeader(header); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, hash), content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum.Hex {
		return fmt.Errorf("%s: %w", name, &wrongBlobError{want: sum, got: got})
	}
	return nil
}
