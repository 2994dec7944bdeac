// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// day is a time of the past.
func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// pulled is an image that was pulled through.
type pulled struct {
	image v1.Image
	bytes int64
}

// pullThrough pulls an image of one layer through a registry that has it.
func pullThrough(t *testing.T, other *elsewhere, host, path string) pulled {
	t.Helper()

	image, err := random.Image(100_000, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/"+path), image))
	require.NoError(t, pullImage(host+"/quay.io/"+path))

	out := pulled{image: image}
	for _, part := range partsOf(t, image) {
		out.bytes += part.size
	}

	return out
}

type part struct {
	sum  v1.Hash
	size int64
}

// partsOf are an image's manifest, its layer and its config, in this order.
func partsOf(t *testing.T, image v1.Image) []part {
	t.Helper()

	sum, err := image.Digest()
	require.NoError(t, err)
	size, err := image.Size()
	require.NoError(t, err)
	manifest, err := image.Manifest()
	require.NoError(t, err)

	return []part{{sum, size}, {manifest.Layers[0].Digest, manifest.Layers[0].Size}, {manifest.Config.Digest, manifest.Config.Size}}
}

func pullImage(from string) error {
	ref, err := name.ParseReference(from, name.Insecure) // goroutines may not end a test
	if err != nil {
		return err
	}

	image, err := remote.Image(ref)
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

	return nil
}

// usedAt says when an image's manifest, layer and config were used last.
func usedAt(t *testing.T, store *Store, image v1.Image, when ...time.Time) {
	t.Helper()

	for i, part := range partsOf(t, image) {
		require.NoError(t, os.Chtimes(store.blobFile(part.sum), time.Time{}, when[min(i, len(when)-1)]))
	}
}

// waitFor waits until the store has all of an image: the last byte is sent before the link is made.
func waitFor(t *testing.T, store *Store, path string, image v1.Image) {
	t.Helper()

	for _, part := range partsOf(t, image)[1:] {
		require.Eventually(t, func() bool { return store.isLinked("quay.io/"+path, part.sum) }, 5*time.Second, time.Millisecond)
	}
}

func TestWhatWasNotUsedForLongestGoesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		old, young []time.Time // manifest, layer, config
		limit      func(old, young pulled) int64
		keepsOld   []bool
		keepsYoung []bool
	}{
		"below the limit everything stays": {
			old: []time.Time{day(1)}, young: []time.Time{day(2)},
			limit:    func(a, b pulled) int64 { return a.bytes + b.bytes },
			keepsOld: []bool{true, true, true}, keepsYoung: []bool{true, true, true},
		},
		"the old image goes as a whole": {
			old: []time.Time{day(1)}, young: []time.Time{day(2)},
			limit:    func(_, b pulled) int64 { return shrinkingTo(b.bytes) },
			keepsOld: []bool{false, false, false}, keepsYoung: []bool{true, true, true},
		},
		"whose manifest is asked for is in use, though nobody needs its layers": {
			old: []time.Time{day(9), day(1), day(1)}, young: []time.Time{day(2)},
			limit:    func(a, _ pulled) int64 { return shrinkingTo(a.bytes) },
			keepsOld: []bool{true, true, true}, keepsYoung: []bool{false, false, false},
		},
		"a time that is to come was a wrong clock's": {
			old: []time.Time{time.Now().Add(1000 * time.Hour)}, young: []time.Time{time.Now().Add(time.Hour)},
			limit:    func(pulled, pulled) int64 { return 0 },
			keepsOld: []bool{false, false, false}, keepsYoung: []bool{false, false, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			other := newElsewhere(t)
			host, store, _ := other.through(t)
			old, young := pullThrough(t, other, host, "team/old:v1"), pullThrough(t, other, host, "team/young:v1")
			waitFor(t, store, "team/old", old.image)
			waitFor(t, store, "team/young", young.image)
			usedAt(t, store, old.image, c.old...)
			usedAt(t, store, young.image, c.young...)

			var gone []Gone
			done, err := store.Collect(t.Context(), c.limit(old, young), func(g Gone) { gone = append(gone, g) })
			require.NoError(t, err)
			require.Len(t, gone, done.Removed)
			require.Equal(t, old.bytes+young.bytes, done.Bytes+done.Left)

			for i, part := range partsOf(t, old.image) {
				require.Equal(t, c.keepsOld[i], store.hasBlob(part.sum), "part %d of the old image", i)
			}
			for i, part := range partsOf(t, young.image) {
				require.Equal(t, c.keepsYoung[i], store.hasBlob(part.sum), "part %d of the young image", i)
			}

			for _, one := range gone {
				require.False(t, one.Used.After(time.Now()))
			}
			for _, image := range []v1.Image{old.image, young.image} {
				requireManifestFirst(t, gone, image)
			}
			_, has, err := store.Resolve(t.Context(), "quay.io/team/old", "v1")
			require.NoError(t, err)
			require.Equal(t, c.keepsOld[0], has)

			require.NoError(t, pullImage(host+"/quay.io/team/old:v1"), "it is fetched again")
		})
	}
}

// shrinkingTo is the limit above which everything but so many bytes goes.
func shrinkingTo(bytes int64) int64 { return bytes*10/9 + 1 }

func requireManifestFirst(t *testing.T, gone []Gone, image v1.Image) {
	t.Helper()

	parts, at := partsOf(t, image), map[v1.Hash]int{}
	for i, one := range gone {
		at[one.Digest] = i + 1
	}
	for _, part := range parts[1:] {
		if at[part.sum] > 0 {
			require.Positive(t, at[parts[0].sum], "a part went, and the manifest did not")
			require.Less(t, at[parts[0].sum], at[part.sum])
		}
	}
}

func TestNothingIsLeftOfARepositoryThatWasRemoved(t *testing.T) {
	other := newElsewhere(t)
	host, store, _ := other.through(t)
	one := pullThrough(t, other, host, "team/tool:v1")
	waitFor(t, store, "team/tool", one.image)

	var names []string
	_, err := store.Collect(t.Context(), 0, func(g Gone) { names = append(names, g.Names...) })
	require.NoError(t, err)
	require.Contains(t, names, "quay.io/team/tool:v1", "who reads the log knows what it was")
	require.Contains(t, names, "quay.io/team/tool@"+partsOf(t, one.image)[0].sum.String())
	entries, err := os.ReadDir(filepath.Join(store.dir, storeRoot, "repositories"))
	require.NoError(t, err)
	require.Empty(t, entries)
}
