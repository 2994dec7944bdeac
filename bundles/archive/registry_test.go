// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"net/http"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

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
