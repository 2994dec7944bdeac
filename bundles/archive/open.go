// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Trust says whose archives are taken.
type Trust struct {
	Key *PublicKey // nil: none is known
	// Unsigned takes archives without a signature, where no Key is known.
	Unsigned bool
}

// Archive is an archive that is open. What it says of itself was checked when it was opened; each file is checked while it is
// read. It is Content for Store.Load, and may be read by several at once.
type Archive struct {
	Contents Contents
	Signed   bool
	// SHA256 is of its SHA256SUMS, in hexadecimal: two archives with the same one are the same.
	SHA256 string

	file  io.ReaderAt
	close func() error
	sums  map[string]string  // file -> SHA-256 in hexadecimal
	parts map[string]section // file -> where it is
}

// section is where a file's content is in the archive, in bytes.
type section struct{ at, size int64 }

// Open opens an archive. Nothing in it is believed before its signature was checked; an archive that lacks a file, has one more
// or one twice, or something else than plain files, is a *BrokenError. The caller closes it.
func Open(file string, trust Trust) (*Archive, error) {
	from, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	info, err := from.Stat()
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	a, err := read(from, info.Size(), file, trust)
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	a.close = from.Close
	return a, nil
}

// read opens what file has.
func read(from io.ReaderAt, size int64, file string, trust Trust) (*Archive, error) {
	a := &Archive{file: from, close: func() error { return nil }}
	scan := newScan(from, size)
	sums, err := scan.head(sumsFile, maxSmallFile)
	if err != nil {
		return nil, &BrokenError{file, err}
	}
	signature, err := scan.optional(signatureFile, maxSignature)
	if err != nil {
		return nil, &BrokenError{file, err}
	}
	if a.Signed, err = trust.check(file, sums, signature); err != nil {
		return nil, err
	}
	a.SHA256 = sumOf(sums).Hex
	if a.sums, err = parseSums(sums); err != nil {
		return nil, &BrokenError{file, err}
	}
	if a.parts, err = scan.rest(a.sums); err != nil {
		return nil, &BrokenError{file, err}
	}
	if err := a.readContents(); err != nil {
		return nil, &BrokenError{file, err}
	}
	return a, nil
}

func (t Trust) check(file string, sums, signature []byte) (signed bool, err error) {
	switch {
	case t.Key != nil && signature == nil:
		return false, &UnsignedError{file}
	case t.Key != nil:
		return true, t.Key.verify(sums, signature)
	case signature != nil:
		return false, &NoPublicKeyError{file}
	case !t.Unsigned:
		return false, &UnsignedError{file}
	}
	return false, nil
}

// readContents reads archive.json, and holds it against the files that are there.
func (a *Archive) readContents() error {
	raw, err := a.small(contentsFile)
	if err != nil {
		return err
	}
	if a.Contents, err = parseContents(raw); err != nil {
		return err
	}
	var lacks []error
	need := func(what, file string) {
		if _, has := a.parts[file]; !has {
			lacks = append(lacks, fmt.Errorf("%s: there is no %s", what, file))
		}
	}
	for _, image := range a.Contents.Images {
		need("image "+image.Name, blobFile(image.Digest))
	}
	for _, chart := range a.Contents.Charts {
		need("chart "+chart.Name, blobFile(chart.Digest))
	}
	for _, asset := range a.Contents.Assets {
		need("boot asset "+asset.Name, assetsFolder+asset.Name)
	}
	return errors.Join(lacks...)
}

// Close ends reading.
func (a *Archive) Close() error { return a.close() }

// Roots are the images and charts, under the names that the bastion's registry has for them.
func (a *Archive) Roots() []Root {
	var out []Root
	for _, saved := range a.Contents.Images {
		if root, ok := saved.Root(); ok { // parseContents has refused the others
			out = append(out, root)
		}
	}
	for _, chart := range a.Contents.Charts {
		out = append(out, Root{Repository: ChartRepository(chart.Name), Tag: chartTag(chart.Version), Digest: chart.Digest})
	}
	return out
}

// Blob implements Content. At its end, reading fails if the content was not what its digest says.
func (a *Archive) Blob(sum v1.Hash) (io.ReadCloser, error) {
	if err := checkSHA256("blob", sum); err != nil {
		return nil, err
	}
	return a.open(blobFile(sum))
}

// Asset opens a boot asset. At its end, reading fails if the content was changed.
func (a *Archive) Asset(name string) (io.ReadCloser, error) { return a.open(assetsFolder + name) }

func (a *Archive) open(name string) (io.ReadCloser, error) {
	part, has := a.parts[name]
	if !has {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return newChecked(name, a.sums[name], io.NewSectionReader(a.file, part.at, part.size)), nil
}

// small reads a file into memory.
func (a *Archive) small(name string) ([]byte, error) {
	from, err := a.open(name)
	if err != nil {
		return nil, err
	}
	if a.parts[name].size > maxSmallFile {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxSmallFile)
	}
	return io.ReadAll(from)
}
