// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
)

// BenchmarkBlobs pulls a layer from the registry and from net/http's file server, in turn, and reports how many times as fast
// the registry is.
func BenchmarkBlobs(b *testing.B) {
	const size = 64 << 20

	content := make([]byte, size)
	_, err := rand.Read(content)
	require.NoError(b, err)
	sum, _, err := v1.SHA256(bytes.NewReader(content))
	require.NoError(b, err)

	store, err := OpenStore(b.Context(), filepath.Join(b.TempDir(), "store"), nil)
	require.NoError(b, err)
	_, err = store.addBlob(b.Context(), sum, bytes.NewReader(content))
	require.NoError(b, err)
	require.NoError(b, store.linkBlob(b.Context(), "quay.io/a/b", sum))

	ours := httptest.NewServer(http.HandlerFunc(NewRegistry(b.Context(), store, nil, nil).serveLogged))
	defer ours.Close()

	plain := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(store.blobFile(sum)))))
	defer plain.Close()

	pull := func(url string) time.Duration {
		start := time.Now()
		response, err := http.Get(url)
		require.NoError(b, err)
		n, err := io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
		require.Equal(b, int64(size), n)
		require.Equal(b, strconv.Itoa(size), response.Header.Get("Content-Length"))

		return time.Since(start)
	}

	var registry, files time.Duration

	b.SetBytes(size)

	for b.Loop() {
		registry += pull(ours.URL + "/v2/quay.io/a/b/blobs/" + sum.String())
		files += pull(plain.URL + "/data")
	}

	b.ReportMetric(files.Seconds()/registry.Seconds(), "x-file-server")
}
