// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// serve serves a store over HTTP, and returns its address.
func serve(t *testing.T, store *Store) string {
	t.Helper()

	return serveThrough(t, store, nil)
}

func serveThrough(t *testing.T, store *Store, upstream *Upstream) string {
	t.Helper()

	server := httptest.NewServer(NewRegistry(t.Context(), store, upstream, nil))
	t.Cleanup(server.Close)

	return strings.TrimPrefix(server.URL, "http://")
}

func newStore(t *testing.T) *Store {
	t.Helper()

	store, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "store"), nil)
	require.NoError(t, err)

	return store
}

// twoPlatforms is an image for amd64 and arm64 with a layer that both have.
func twoPlatforms(t *testing.T) v1.ImageIndex {
	t.Helper()

	shared, err := random.Layer(200_000, "application/vnd.oci.image.layer.v1.tar+gzip")
	require.NoError(t, err)

	var index v1.ImageIndex = empty.Index

	for _, platform := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}} {
		image, err := random.Image(50_000, 2)
		require.NoError(t, err)
		image, err = mutate.AppendLayers(image, shared)
		require.NoError(t, err)

		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}

	return index
}

// layoutOf writes an index into a layout, and returns the root to load.
func layoutOf(t *testing.T, repository, tag string, index v1.ImageIndex) (layout.Path, Root) {
	t.Helper()

	path, err := layout.Write(t.TempDir(), empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendIndex(index))

	sum, err := index.Digest()
	require.NoError(t, err)

	return path, Root{Repository: repository, Tag: tag, Digest: sum}
}

func refTo(t *testing.T, text string) name.Reference {
	t.Helper()

	ref, err := name.ParseReference(text, name.Insecure)
	require.NoError(t, err)

	return ref
}

type answer struct {
	*http.Response

	body []byte
}

func get(t *testing.T, url, byteRange string) answer {
	t.Helper()

	got, err := tryGet(t.Context(), url, byteRange)
	require.NoError(t, err)

	return got
}

// tryGet is for goroutines, which may not end a test.
func tryGet(ctx context.Context, url, byteRange string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}

	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()

	body, err := io.ReadAll(response.Body)

	return answer{response, body}, err
}

// pullAll pulls every image of an index with all layers, which the client holds against their digests.
func pullAll(t *testing.T, from string) error {
	t.Helper()

	index, err := remote.Index(refTo(t, from))
	if err != nil {
		return err
	}

	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}

	for _, one := range manifest.Manifests {
		image, err := index.Image(one.Digest)
		if err != nil {
			return err
		}

		if _, err := image.RawConfigFile(); err != nil {
			return err
		}

		layers, err := image.Layers()
		if err != nil {
			return err
		}

		for _, layer := range layers {
			if err := drain(layer); err != nil {
				return err
			}
		}
	}

	return nil
}

func drain(layer v1.Layer) error {
	body, err := layer.Compressed()
	if err != nil {
		return err
	}

	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}

	return body.Close()
}
