// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// counted is content in memory that counts what is read of it.
type counted struct {
	blobs map[v1.Hash][]byte
	reads int
}

func (c *counted) add(content []byte) v1.Descriptor {
	sum := sumOf(content)
	c.blobs[sum] = content
	return v1.Descriptor{Digest: sum, Size: int64(len(content))}
}

func (c *counted) Blob(sum v1.Hash) (io.ReadCloser, error) {
	c.reads++
	content, ok := c.blobs[sum]
	if !ok {
		return nil, fmt.Errorf("%s: %w", sum, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// Indexes that name one another many times would be read for years.
func TestWhatAnIndexNamesManyTimesIsReadOnce(t *testing.T) {
	content := &counted{blobs: map[v1.Hash][]byte{}}
	config := content.add([]byte("{}"))
	config.MediaType = types.OCIConfigJSON
	raw, err := json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{}})
	require.NoError(t, err)
	child := content.add(raw)
	child.MediaType = types.OCIManifestSchema1
	for range maxDepth - 1 {
		raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: slices.Repeat([]v1.Descriptor{child}, 10)})
		require.NoError(t, err)
		child = content.add(raw)
		child.MediaType = types.OCIImageIndex
	}
	store := newStore(t)
	_, err = store.Load(t.Context(), content, []Root{{Repository: "quay.io/a/b", Tag: "v1", Digest: child.Digest}}, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, content.reads, 3*(maxDepth+1), "to know what there is, to know its room, and to load it")
}
