// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// Every pull gets all of its image, whatever is removed meanwhile, and nothing that is left names what is not there.
func TestPullsGetEverythingWhileTheCacheIsCollected(t *testing.T) {
	other := newElsewhere(t)
	host, store, _ := other.through(t)
	content, root := layoutOf(t, "quay.io/cilium/cilium", "v1", twoPlatforms(t))

	const images = 4
	for i := range images {
		image, err := random.Image(50_000, 3)
		require.NoError(t, err)
		require.NoError(t, remote.Write(refTo(t, fmt.Sprintf("%s/team/tool%d:v1", other.host, i)), image))
	}

	var pulls errgroup.Group
	for i := range 2 * images { // two clients for each
		pulls.Go(func() error {
			for range 6 {
				if err := pullImage(fmt.Sprintf("%s/quay.io/team/tool%d:v1", host, i%images)); err != nil {
					return fmt.Errorf("tool%d: %w", i%images, err)
				}
			}

			return nil
		})
	}
	pulls.Go(func() error {
		_, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)

		return err
	})

	removed, stop, ended := 0, make(chan struct{}), make(chan error, 1)
	collect := func(ctx context.Context) error {
		for {
			done, err := store.Collect(ctx, 160_000, nil) // one image
			if removed += done.Removed; err != nil {
				return err
			}
			select {
			case <-stop:
				return nil
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	go func(ctx context.Context) { ended <- collect(ctx) }(t.Context())

	require.NoError(t, pulls.Wait())
	close(stop)
	require.NoError(t, <-ended)
	require.Positive(t, removed)
	require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/cilium/cilium:v1"), "what was loaded meanwhile is whole")

	_, err := store.Collect(t.Context(), 160_000, nil)
	require.NoError(t, err)
	requireNothingDangles(t, store)
}

// requireNothingDangles holds every tag and manifest of a store against what it names.
func requireNothingDangles(t *testing.T, store *Store) {
	t.Helper()

	cache, err := store.scan(t.Context(), pins{})
	require.NoError(t, err)
	for _, one := range cache {
		if len(one.revisions) == 0 {
			require.Empty(t, one.tags, "%s", one.sum)

			continue
		}
		raw, err := os.ReadFile(store.blobFile(one.sum))
		require.NoError(t, err, one.names())
		manifest, err := v1.ParseManifest(bytes.NewReader(raw))
		require.NoError(t, err)
		for _, layer := range manifest.Layers {
			require.True(t, store.hasBlob(layer.Digest), "layer %s of %v", layer.Digest, one.names())
		}
	}
}

func TestWhatIsBeingReadIsReadToItsEnd(t *testing.T) {
	other := newElsewhere(t)
	host, store, _ := other.through(t)
	one := pullThrough(t, other, host, "team/tool:v1")
	waitFor(t, store, "team/tool", one.image)
	layer := partsOf(t, one.image)[1]
	file, err := store.openBlob("quay.io/team/tool", layer.sum)
	require.NoError(t, err)
	defer file.Close()

	_, err = store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.False(t, store.hasBlob(layer.sum))
	n, err := io.Copy(io.Discard, file)
	require.NoError(t, err)
	require.Equal(t, layer.size, n)
}

func TestOneCollectsWhileNobodyChangesTheStore(t *testing.T) {
	store := newStore(t)
	second, err := OpenStore(t.Context(), store.dir, nil) // as another process
	require.NoError(t, err)
	require.NoError(t, store.change(t.Context(), func() error {
		require.NoError(t, second.change(t.Context(), func() error { return nil }), "many may change it at a time")
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := second.Collect(short, 0, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		return nil
	}))
	_, err = second.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
}

// said is a log that several write to.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.String()
}

func TestTheCacheIsKeptBelowItsLimitWhileItIsServed(t *testing.T) {
	other := newElsewhere(t)
	host, store, _ := other.through(t)
	first := pullThrough(t, other, host, "team/first:v1")
	waitFor(t, store, "team/first", first.image)
	usedAt(t, store, first.image, day(1))

	ctx, stop := context.WithCancel(t.Context())
	log, ended := &said{}, make(chan struct{})
	go func() {
		defer close(ended)
		store.KeepBelow(ctx, shrinkingTo(first.bytes), slog.New(slog.NewTextHandler(log, nil)))
	}()
	require.Eventually(t, func() bool { return store.cached.Load() >= first.bytes }, 5*time.Second, time.Millisecond)
	require.True(t, store.hasBlob(partsOf(t, first.image)[1].sum), "it is not more than the limit")

	second := pullThrough(t, other, host, "team/second:v1")
	require.Eventually(t, func() bool { return !store.hasBlob(partsOf(t, first.image)[1].sum) }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "the cache was over its limit") }, 5*time.Second, time.Millisecond)
	require.Contains(t, log.String(), "quay.io/team/first:v1")
	require.NotContains(t, log.String(), "quay.io/team/second:v1")
	stop()
	<-ended
	require.True(t, store.hasBlob(partsOf(t, second.image)[1].sum))

	// At its start too, and a trouble is told with what to do.
	require.NoError(t, os.MkdirAll(filepath.Join(store.dir, pinFolder), 0o700))
	write(t, filepath.Join(store.dir, pinFolder, "x.json"), "")
	ctx, stop = context.WithCancel(t.Context())
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		store.KeepBelow(ctx, 0, slog.New(slog.NewTextHandler(log, nil)))
	}()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "load the archives again") }, 5*time.Second, time.Millisecond)
	stop()
	<-ended
}
