// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// start serves a store as the program does, and returns its address and how to end it.
func start(t *testing.T, store *Store, upstream *Upstream, log *slog.Logger) (host string, end func() error) {
	t.Helper()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() { ended <- NewRegistry(ctx, store, upstream, log).Serve(ctx, listener) }()

	return listener.Addr().String(), func() error {
		cancel()

		return <-ended
	}
}

func TestEachRequestIsALineOfTheLog(t *testing.T) {
	var lines bytes.Buffer

	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	store := newStore(t)
	_, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)

	host, end := start(t, store, nil, slog.New(slog.NewTextHandler(&lines, nil)))
	require.NoError(t, pullAll(t, host+"/quay.io/a/b:v1"))
	require.Equal(t, http.StatusNotFound, get(t, "http://"+host+"/v2/quay.io/a/c/manifests/v1", "").StatusCode)
	require.NoError(t, end())

	require.Contains(t, lines.String(), "method=GET path=/v2/quay.io/a/b/manifests/v1 status=200 bytes=")
	require.Contains(t, lines.String(), "path=/v2/quay.io/a/c/manifests/v1 status=404")
	require.Contains(t, lines.String(), `msg="can't serve an image" image=quay.io/a/c:v1 status=404`)
	require.Contains(t, lines.String(), "cozy-install bundle save")
	require.NotContains(t, lines.String(), "status=0")
}

func TestAnAnswerOnItsWayEndsBeforeTheServer(t *testing.T) {
	other := newElsewhere(t)
	image, err := random.Image(2<<20, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/team/tool:v1"), image))
	manifest, err := image.Manifest()
	require.NoError(t, err)

	sum := manifest.Layers[0].Digest
	asked := make(chan struct{}, 1)

	other.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, sum.String()) {
			asked <- struct{}{}

			time.Sleep(300 * time.Millisecond)
		}

		return false
	})

	_, store, upstream := other.through(t)
	host, end := start(t, store, upstream, nil)
	length := make(chan int64, 1)

	go func() {
		response, err := http.Get("http://" + host + "/v2/quay.io/team/tool/blobs/" + sum.String())
		if err != nil {
			length <- -1

			return
		}
		defer response.Body.Close()

		n, _ := io.Copy(io.Discard, response.Body)
		length <- n
	}()
	<-asked
	require.NoError(t, end())
	require.Equal(t, manifest.Layers[0].Size, <-length)

	_, err = net.DialTimeout("tcp", host, time.Second)
	require.Error(t, err, "nobody listens any more")
}

func TestADeadListenerIsAnError(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.ErrorIs(t, NewRegistry(t.Context(), newStore(t), nil, nil).Serve(t.Context(), listener), net.ErrClosed)
}
