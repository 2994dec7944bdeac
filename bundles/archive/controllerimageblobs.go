// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// imageBlob is a part of an image under its digest: an index, a manifest, a config or a layer.
type imageBlob struct {
	sum  v1.Hash
	size int64
	open func() (io.ReadCloser, error)
}

// Blob opens a part of the image by its digest; who reads it closes it. It makes the image a Content of Store.Load. What is no
// part of it is fs.ErrNotExist.
func (i *ControllerImage) Blob(sum v1.Hash) (io.ReadCloser, error) {
	for _, b := range i.blobs {
		if b.sum == sum {
			return b.open()
		}
	}
	return nil, fs.ErrNotExist
}

// Root is the image as Store.Load takes it.
func (i *ControllerImage) Root() Root {
	return Root{Repository: ControllerRepository, Digest: i.Digest}
}

// collect gathers the parts of an index of images.
func collect(index v1.ImageIndex) ([]imageBlob, error) {
	raw, err := index.RawManifest()
	if err != nil {
		return nil, err
	}
	blobs, err := appendRaw(nil, raw)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, one := range manifest.Manifests {
		image, err := index.Image(one.Digest)
		if err != nil {
			return nil, err
		}
		if blobs, err = appendImage(blobs, image); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

func appendImage(blobs []imageBlob, image v1.Image) ([]imageBlob, error) {
	for _, part := range []func() ([]byte, error){image.RawManifest, image.RawConfigFile} {
		raw, err := part()
		if err != nil {
			return nil, err
		}
		if blobs, err = appendRaw(blobs, raw); err != nil {
			return nil, err
		}
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for _, layer := range layers {
		sum, err := layer.Digest()
		if err != nil {
			return nil, err
		}
		size, err := layer.Size()
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, imageBlob{sum, size, layer.Compressed})
	}
	return blobs, nil
}

func appendRaw(blobs []imageBlob, raw []byte) ([]imageBlob, error) {
	sum, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return append(blobs, imageBlob{sum, size, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}), nil
}
