// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

func TestImagesThatAreMadeUpAreTheSameEachTime(t *testing.T) {
	const known = "quay.io/cilium/cilium:v1"
	digest, err := MadeUpDigest(known)
	require.NoError(t, err)
	registry, err := NewImageRegistry(known + "@" + digest)
	require.NoError(t, err)
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://") + "/"

	byDigest, err := name.NewDigest(at + "quay.io/cilium/cilium@" + digest)
	require.NoError(t, err)
	image, err := remote.Image(byDigest)
	require.NoError(t, err)
	require.NoError(t, validate.Image(image, validate.Fast))

	byTag, err := name.NewTag(at + "docker.io/library/nginx:latest")
	require.NoError(t, err)
	image, err = remote.Image(byTag)
	require.NoError(t, err)
	require.NoError(t, validate.Image(image, validate.Fast))
	sum, err := image.Digest()
	require.NoError(t, err)
	want, err := MadeUpDigest("nginx")
	require.NoError(t, err)
	require.Equal(t, want, sum.String())
	require.NotEqual(t, want, digest)

	unknown, err := name.NewDigest(at + "quay.io/cilium/cilium@sha256:" + strings.Repeat("0", 64))
	require.NoError(t, err)
	_, err = remote.Image(unknown)
	require.Error(t, err, "nothing is made up for a digest")
}
