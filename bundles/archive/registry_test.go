// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

func TestNobodyPushesOverTheNetwork(t *testing.T) {
	registry, err := NewRegistry(t.Context(), filepath.Join(t.TempDir(), "store"), nil)
	require.NoError(t, err)

	server := httptest.NewServer(registry)
	defer server.Close()

	image, err := random.Image(1024, 1)
	require.NoError(t, err)

	to, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://")+"/docker.io/library/nginx:1", name.Insecure)
	require.NoError(t, err)
	require.ErrorContains(t, remote.Write(to, image), "405 Method Not Allowed")

	_, err = remote.Image(to)
	require.ErrorContains(t, err, "MANIFEST_UNKNOWN")

	answer, err := http.Get(server.URL + "/v2/")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}
