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

func TestAClientPullsWhatWasLoaded(t *testing.T) {
	index := twoPlatforms(t)
	content, root := layoutOf(t, "quay.io/cilium/cilium", "v1", index)
	store := newStore(t)
	_, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)

	host := serve(t, store)
	for _, text := range []string{"/quay.io/cilium/cilium:v1", "/quay.io/cilium/cilium@" + root.Digest.String()} {
		head, err := remote.Head(refTo(t, host+text))
		require.NoError(t, err)
		require.Equal(t, root.Digest, head.Digest)

		for _, arch := range []string{"amd64", "arm64"} {
			image, err := remote.Image(refTo(t, host+text), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
			require.NoError(t, err)
			layers, err := image.Layers()
			require.NoError(t, err)
			require.Len(t, layers, 3)

			for _, layer := range layers {
				body, err := layer.Compressed()
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, body) // the client holds it against its digest
				require.NoError(t, err)
				require.NoError(t, body.Close())
			}
		}
	}

	tags, err := remote.List(refTo(t, host+"/quay.io/cilium/cilium:v1").Context())
	require.NoError(t, err)
	require.Equal(t, []string{"v1"}, tags)
	// A blob is served where it belongs only.
	blob := func(repository string) int {
		image, err := index.IndexManifest()
		require.NoError(t, err)
		one, err := index.Image(image.Manifests[0].Digest)
		require.NoError(t, err)
		config, err := one.ConfigName()
		require.NoError(t, err)

		return get(t, "http://"+host+"/v2/"+repository+"/blobs/"+config.String(), "").StatusCode
	}
	require.Equal(t, http.StatusOK, blob("quay.io/cilium/cilium"))
	require.Equal(t, http.StatusNotFound, blob("quay.io/cilium/operator"))
}

func TestAPullGoesOnInTheMiddle(t *testing.T) {
	content, root := layoutOf(t, "docker.io/library/nginx", "1", twoPlatforms(t))
	store := newStore(t)
	_, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)

	image, err := remote.Image(refTo(t, serve(t, store)+"/docker.io/library/nginx:1"))
	require.NoError(t, err)
	layers, err := image.Layers()
	require.NoError(t, err)
	sum, err := layers[0].Digest()
	require.NoError(t, err)
	whole, err := content.Bytes(sum)
	require.NoError(t, err)

	at := "http://" + serve(t, store) + "/v2/docker.io/library/nginx/blobs/" + sum.String()
	part := get(t, at, "bytes=1000-1999")
	require.Equal(t, http.StatusPartialContent, part.StatusCode)
	require.Equal(t, whole[1000:2000], part.body)
	require.Equal(t, whole[5000:], get(t, at, "bytes=5000-").body)
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, get(t, at, "bytes=99999999-").StatusCode)
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

func TestNobodyPushesOverTheNetwork(t *testing.T) {
	host := serve(t, newStore(t))
	image, err := random.Image(1024, 1)
	require.NoError(t, err)

	to := refTo(t, host+"/docker.io/library/nginx:1")
	require.ErrorContains(t, remote.Write(to, image), "405 Method Not Allowed")
	require.ErrorContains(t, remote.Delete(to), "405 Method Not Allowed")

	_, err = remote.Image(to)
	require.ErrorContains(t, err, "MANIFEST_UNKNOWN: docker.io/library/nginx:1: it is not in the bastion's registry, which has no network")
	require.Equal(t, http.StatusOK, get(t, "http://"+host+"/v2/", "").StatusCode)

	for _, path := range []string{"/metrics", "/debug/vars", "/debug/health", "/"} {
		require.Equal(t, http.StatusNotFound, get(t, "http://"+host+path, "").StatusCode, path)
	}
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
