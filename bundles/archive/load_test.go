// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/stretchr/testify/require"
)

// unlinked hides that blobs are files, as those inside an archive are not.
type unlinked struct{ layout.Path }

func (u unlinked) Blob(sum v1.Hash) (io.ReadCloser, error) {
	content, err := u.Bytes(sum)

	return io.NopCloser(bytes.NewReader(content)), err
}

func TestLoadingTwiceChangesNothing(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	store := newStore(t)
	first, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	require.Equal(t, 7, first.New, "two configs, four layers, and one that both have")
	require.Equal(t, 1, first.Kept, "the one that both have")
	require.Greater(t, first.Bytes, int64(400_000))

	var names []string

	again, err := store.Load(t.Context(), unlinked{content}, []Root{root}, func(r Root) { names = append(names, r.String()) })
	require.NoError(t, err)
	require.Equal(t, Loaded{Roots: 1, Kept: 8}, again)
	require.Equal(t, []string{"quay.io/a/b:v1"}, names)
	require.Empty(t, leftovers(t, store))
}

func TestFilesOfTheSameFileSystemTakeNoSpaceTwice(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	store, err := OpenStore(t.Context(), filepath.Join(string(content), "..", "store"), nil)
	require.NoError(t, err)
	loaded, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)
	require.Equal(t, Loaded{Roots: 1, New: 7, Kept: 1}, loaded, "no byte is written")
	_, err = remote.Index(refTo(t, serve(t, store)+"/quay.io/a/b:v1"))
	require.NoError(t, err)
	require.Empty(t, leftovers(t, store))
}

func TestLoadingGoesOnWhereItWasInterrupted(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	store := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := &interrupting{Content: unlinked{content}, after: 17, cancel: cancel}
	_, err := store.Load(ctx, interrupted, []Root{root}, nil)
	require.ErrorIs(t, err, context.Canceled)

	_, has, err := store.Resolve(t.Context(), "quay.io/a/b", "v1")
	require.NoError(t, err)
	require.False(t, has, "nobody is led to what is not whole")
	require.Empty(t, leftovers(t, store))

	loaded, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	require.Greater(t, loaded.Kept, 1, "what was read before is kept")
	require.Equal(t, 8, loaded.New+loaded.Kept)
	sum, has, err := store.Resolve(t.Context(), "quay.io/a/b", "v1")
	require.NoError(t, err)
	require.True(t, has)
	require.Equal(t, root.Digest, sum)
}

// interrupting cancels in the middle of the reading of a blob.
type interrupting struct {
	Content

	after  int
	cancel func()
}

func (i *interrupting) Blob(sum v1.Hash) (io.ReadCloser, error) {
	if i.after--; i.after == 0 {
		i.cancel()
	}

	return i.Content.Blob(sum)
}

func TestDamagedContentIsNotLoaded(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	manifest := manifestOf(t, content, root)
	damaged := filepath.Join(string(content), "blobs", "sha256", manifest.Layers[1].Digest.Hex)
	raw, err := os.ReadFile(damaged)
	require.NoError(t, err)

	raw[100] ^= 1
	require.NoError(t, os.WriteFile(damaged, raw, 0o600))

	for name, from := range map[string]Content{"linked": content, "copied": unlinked{content}} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			_, err := store.Load(t.Context(), from, []Root{root}, nil)
			wrong := (*WrongContentError)(nil)
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, wrong.Want, manifest.Layers[1].Digest)
			require.ErrorContains(t, err, "load quay.io/a/b:v1: content of sha256:")
			require.Empty(t, leftovers(t, store))
			require.False(t, store.hasBlob(wrong.Want))
		})
	}
}

func TestAnIndexMayNamePlatformsThatWereNotSaved(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	index, err := content.Bytes(root.Digest)
	require.NoError(t, err)
	parsed, err := v1.ParseIndexManifest(bytes.NewReader(index))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(string(content), "blobs", "sha256", parsed.Manifests[0].Digest.Hex)))

	store := newStore(t)
	loaded, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)
	require.Equal(t, 4, loaded.New)

	host := serve(t, store)
	_, err = remote.Image(refTo(t, host+"/quay.io/a/b:v1"), remote.WithPlatform(*parsed.Manifests[1].Platform))
	require.NoError(t, err)
	_, err = remote.Image(refTo(t, host+"/quay.io/a/b:v1"), remote.WithPlatform(*parsed.Manifests[0].Platform))
	require.ErrorContains(t, err, "MANIFEST_UNKNOWN")

	require.NoError(t, os.Remove(filepath.Join(string(content), "blobs", "sha256", parsed.Manifests[1].Digest.Hex)))
	_, err = newStore(t).Load(t.Context(), content, []Root{root}, nil)
	require.ErrorContains(t, err, "none of the 2 images")
}

// A chart is an image with a config of its own kind and one layer: see Helm's pkg/registry.
func TestAChartIsLoadedAndPulled(t *testing.T) {
	packed := static.NewLayer([]byte("a packed chart"), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	chart, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, "application/vnd.oci.image.manifest.v1+json"),
		"application/vnd.cncf.helm.config.v1+json"), packed)
	require.NoError(t, err)
	path, err := layout.Write(t.TempDir(), empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(chart))
	sum, err := chart.Digest()
	require.NoError(t, err)

	store := newStore(t)
	_, err = store.Load(t.Context(), path, []Root{{Repository: ChartRepository("cilium"), Tag: "1.2.3", Digest: sum}}, nil)
	require.NoError(t, err)

	pulled, err := remote.Image(refTo(t, serve(t, store)+"/charts/cilium:1.2.3"))
	require.NoError(t, err)
	layers, err := pulled.Layers()
	require.NoError(t, err)
	body, err := layers[0].Compressed()
	require.NoError(t, err)
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "a packed chart", string(content))
}

func TestTheStoreIsItsOwnersOnly(t *testing.T) {
	store := newStore(t)
	about, err := os.Stat(store.dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), about.Mode().Perm())
}

func manifestOf(t *testing.T, content layout.Path, root Root) *v1.Manifest {
	t.Helper()

	raw, err := content.Bytes(root.Digest)
	require.NoError(t, err)
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	require.NoError(t, err)
	raw, err = content.Bytes(index.Manifests[0].Digest)
	require.NoError(t, err)
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	require.NoError(t, err)

	return manifest
}

// leftovers are files that nobody needs any more.
func leftovers(t *testing.T, store *Store) []string {
	t.Helper()

	entries, err := os.ReadDir(store.incoming())
	require.NoError(t, err)

	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}

	return names
}

func TestARegistryIsAskedForWhatItMustHave(t *testing.T) {
	content, root := layoutOf(t, "quay.io/cilium/cilium", "v1", twoPlatforms(t))
	store := newStore(t)
	_, err := store.Load(t.Context(), content, []Root{root}, nil)
	require.NoError(t, err)
	host := serve(t, store)
	require.NoError(t, Holds(t.Context(), host, []Root{root}))

	other := Root{Repository: "quay.io/cilium/operator", Digest: root.Digest}
	var absent *AbsentError
	require.ErrorAs(t, Holds(t.Context(), host, []Root{root, other}), &absent)
	require.Equal(t, []Root{other}, absent.Roots)
}

func TestAStoreOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving a directory to another user needs root")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chown(dir, 65532, 65532))
	var foreign *ForeignStoreError
	_, err := OpenStore(t.Context(), dir, nil)
	require.ErrorAs(t, err, &foreign)
	require.EqualValues(t, 65532, foreign.Owner)
	require.Contains(t, foreign.Hint(), "bundle serve --archive")
}
