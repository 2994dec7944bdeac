// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// tarBlock is what a tar archive is padded to.
const tarBlock = 512

// programLayer is an image's layer with one file in it: a program, owned by root and executable for all. Its content is put
// together from the program's file whenever it is read. It is not compressed, so its digest follows from the program alone,
// and not from the version of a compressor; and it is known in a tenth of a second.
type programLayer struct {
	path         string
	before       []byte // the tar header
	size, padded int64  // of the program, and of all
	digest       v1.Hash
}

// newProgramLayer reads the file once. It must not change as long as the layer is used.
func newProgramLayer(path, name string, size int64) (*programLayer, error) {
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{
		Name: name, Typeflag: tar.TypeReg, Mode: 0o555, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return nil, fmt.Errorf("make a layer of %s: %w", path, err)
	}
	l := &programLayer{path: path, before: header.Bytes(), size: size}
	content, err := l.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if l.digest, l.padded, err = v1.SHA256(content); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return l, nil
}

// Uncompressed is the tar archive. Who reads it closes it.
func (l *programLayer) Uncompressed() (io.ReadCloser, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	end := (tarBlock-l.size%tarBlock)%tarBlock + 2*tarBlock // an archive ends with two empty blocks
	content := io.MultiReader(bytes.NewReader(l.before), io.NewSectionReader(file, 0, l.size), bytes.NewReader(make([]byte, end)))
	return struct {
		io.Reader
		io.Closer
	}{content, file}, nil
}

// Compressed is the same: nothing is compressed.
func (l *programLayer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// Digest is that of the archive.
func (l *programLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is that of the archive, too.
func (l *programLayer) DiffID() (v1.Hash, error) { return l.digest, nil }

// Size is that of the archive, in bytes.
func (l *programLayer) Size() (int64, error) { return l.padded, nil }

// MediaType says that it is a plain tar archive.
func (l *programLayer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }
