// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	upstreamregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// elsewhere is another registry, whose answers a test may change, and which counts what it is asked for.
type elsewhere struct {
	host string

	mu     sync.Mutex
	asked  map[string]int // by method and path
	change func(w http.ResponseWriter, r *http.Request) (answered bool)
	total  atomic.Int64
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()

	e := &elsewhere{asked: map[string]int{}}
	whole := upstreamregistry.New(upstreamregistry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.asked[r.Method+" "+r.URL.Path]++
		change := e.change
		e.mu.Unlock()
		e.total.Add(1)

		if change == nil || !change(w, r) {
			whole.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	e.host = strings.TrimPrefix(server.URL, "http://")

	return e
}

func (e *elsewhere) set(change func(w http.ResponseWriter, r *http.Request) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.change, e.asked = change, map[string]int{}
	e.total.Store(0)
}

func (e *elsewhere) count(methodAndPath string) int {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.asked[methodAndPath]
}

// has pushes an index to it.
func (e *elsewhere) has(t *testing.T, name string, index v1.ImageIndex) {
	t.Helper()
	require.NoError(t, remote.WriteIndex(refTo(t, e.host+"/"+name), index))
	e.set(nil)
}

// through is a registry that pulls quay.io's images through from there.
func (e *elsewhere) through(t *testing.T) (host string, store *Store, upstream *Upstream) {
	t.Helper()

	upstream, err := NewUpstream(UpstreamOptions{Registries: map[string]string{"quay.io": "http://" + e.host}})
	require.NoError(t, err)
	t.Cleanup(upstream.Close)

	store = newStore(t)

	return serveThrough(t, store, upstream), store, upstream
}

func TestWhatWasPulledThroughStays(t *testing.T) {
	other, index := newElsewhere(t), twoPlatforms(t)
	other.has(t, "cilium/cilium:v1", index)
	host, store, upstream := other.through(t)
	require.NoError(t, pullAll(t, host+"/quay.io/cilium/cilium:v1"))
	require.Positive(t, other.total.Load())

	// Without a network, and by somebody else.
	upstream.Close()
	require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/cilium/cilium:v1"))
	require.Empty(t, leftovers(t, store))
}

func TestManyNodesPullOnce(t *testing.T) {
	other := newElsewhere(t)
	image, err := random.Image(3<<20, 2)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/team/tool:v1"), image))
	other.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			time.Sleep(50 * time.Millisecond) // so that all are there before the first is done
		}

		return false
	})

	host, store, _ := other.through(t)

	var group sync.WaitGroup

	failed := make(chan error, 40)

	for range cap(failed) {
		group.Go(func() {
			pulled, err := remote.Image(refTo(t, host+"/quay.io/team/tool:v1"))
			if err == nil {
				var layers []v1.Layer
				if layers, err = pulled.Layers(); err == nil {
					err = firstOf(drain(layers[0]), drain(layers[1]))
				}
			}
			failed <- err
		})
	}

	group.Wait()

	for range cap(failed) {
		require.NoError(t, <-failed)
	}

	manifest, err := image.Manifest()
	require.NoError(t, err)
	require.Equal(t, 1, other.count("GET /v2/team/tool/manifests/v1"))

	for _, layer := range manifest.Layers {
		require.Equal(t, 1, other.count("GET /v2/team/tool/blobs/"+layer.Digest.String()))
	}
	require.Empty(t, leftovers(t, store))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}

	return nil
}

func TestATagThatMovesIsFollowedAndAnUpstreamThatFailsIsNot(t *testing.T) {
	other, first, second := newElsewhere(t), twoPlatforms(t), twoPlatforms(t)
	other.has(t, "team/tool:latest", first)
	host, _, upstream := other.through(t)
	at := func() v1.Hash {
		head, err := remote.Head(refTo(t, host+"/quay.io/team/tool:latest"))
		require.NoError(t, err)

		return head.Digest
	}
	digest := func(index v1.ImageIndex) v1.Hash {
		sum, err := index.Digest()
		require.NoError(t, err)

		return sum
	}
	require.Equal(t, digest(first), at())
	other.has(t, "team/tool:latest", second)
	require.Equal(t, digest(first), at(), "believed for a while")
	upstream.forgetTags()
	require.Equal(t, digest(second), at())

	other.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)

		return true
	})
	upstream.forgetTags()
	require.Equal(t, digest(second), at(), "better an old one than none")
	asked := other.total.Load()
	require.Positive(t, asked)
	at()
	require.Equal(t, asked, other.total.Load(), "it is left alone for a minute")
}

// forgetTags is what time does.
func (u *Upstream) forgetTags() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.checked)
}
