// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// release is a made-up archive: its content, and what is loaded of it.
type release struct {
	id      string
	content Content
	roots   []Root
}

// newRelease has images of a tag each, by repository.
func newRelease(t *testing.T, id string, images map[string]v1.ImageIndex) release {
	t.Helper()

	path, err := layout.Write(t.TempDir(), empty.Index)
	require.NoError(t, err)

	out := release{id: strings.Repeat(id, 64), content: unlinked{path}}

	for repository, index := range images {
		require.NoError(t, path.AppendIndex(index))
		sum, err := index.Digest()
		require.NoError(t, err)

		out.roots = append(out.roots, Root{Repository: repository, Tag: "v" + id, Digest: sum})
	}

	return out
}

func (r release) load(t *testing.T, store *Store) {
	t.Helper()

	_, err := store.loadAs(t.Context(), LoadedArchive{SHA256: r.id, Bundle: "b"}, r.content, r.roots, nil)
	require.NoError(t, err)
}

func dropped(t *testing.T, store *Store, keep int) (names string) {
	t.Helper()

	require.NoError(t, store.DropArchives(t.Context(), keep, func(gone DroppedArchive) {
		require.Positive(t, gone.Removed)
		require.Positive(t, gone.Bytes)
		names += gone.SHA256[:1]
	}))

	return names
}

func TestWhatOnlyOldArchivesHaveIsRemoved(t *testing.T) {
	store, shared := newStore(t), twoPlatforms(t)
	one := newRelease(t, "1", map[string]v1.ImageIndex{"quay.io/a/old": twoPlatforms(t), "quay.io/a/same": shared, "charts/cilium": twoPlatforms(t)})
	two := newRelease(t, "2", map[string]v1.ImageIndex{"quay.io/a/new": twoPlatforms(t)})
	three := newRelease(t, "3", map[string]v1.ImageIndex{"quay.io/a/new": twoPlatforms(t), "quay.io/a/same": shared})

	for _, each := range []release{one, two} {
		each.load(t, store)
	}

	require.Empty(t, dropped(t, store, 2), "these are the two newest")
	three.load(t, store)
	require.Empty(t, dropped(t, store, 3))
	require.Equal(t, "1", dropped(t, store, 0), "fewer than two are never kept")
	require.Empty(t, dropped(t, store, 2))

	at := serve(t, store)
	for _, name := range []string{"quay.io/a/new:v2", "quay.io/a/new:v3", "quay.io/a/same:v3"} {
		require.NoError(t, pullAll(t, at+"/"+name), name)
	}

	for _, name := range []string{"quay.io/a/old:v1", "charts/cilium:v1"} {
		require.Error(t, pullAll(t, at+"/"+name), name)
	}

	require.NoDirExists(t, filepath.Join(store.dir, filepath.FromSlash(storeRoot), "repositories", "charts"), "else nothing would be collected any more")
	done, err := store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Zero(t, done.Removed, "nothing was left behind")
}

func TestAnArchiveThatIsUsedAgainIsNotOld(t *testing.T) {
	for name, use := range map[string]func(*Store, release){
		"loaded again": func(store *Store, one release) { one.load(t, store) },
		"in use":       func(store *Store, one release) { require.NoError(t, store.UseArchive(t.Context(), one.id)) },
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)

			var all []release

			for _, id := range []string{"1", "2", "3"} {
				all = append(all, newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}))
				all[len(all)-1].load(t, store)
			}

			use(store, all[0])
			require.Equal(t, "2", dropped(t, store, 2))
			require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/a/1:v1"))
			require.NoError(t, store.UseArchive(t.Context(), all[1].id), "the store has it no more")

			loads, err := store.Archives()
			require.NoError(t, err)
			require.Len(t, loads, 2)
		})
	}
}

func TestAnArchiveThatIsNotWholeNeitherCountsNorGoes(t *testing.T) {
	store := newStore(t)
	image := twoPlatforms(t)

	for _, id := range []string{"1", "2"} {
		newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}).load(t, store)
	}

	half := newRelease(t, "3", map[string]v1.ImageIndex{"quay.io/a/3": image})
	half.roots = append(half.roots, Root{Repository: "quay.io/a/none", Digest: sumOf([]byte("none"))})
	_, err := store.loadAs(t.Context(), LoadedArchive{SHA256: half.id}, half.content, half.roots, nil)
	require.Error(t, err)
	require.Empty(t, dropped(t, store, 2), "the nodes may run on the first, as the third never came")

	for _, id := range []string{"4", "5"} {
		newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}).load(t, store)
	}

	require.Equal(t, "12", dropped(t, store, 2))
	require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/a/3:v3"), "somebody may be loading it")
}

func TestWhatWasPulledThroughOrLoadedAloneOutlivesArchives(t *testing.T) {
	other := newElsewhere(t)
	host, store, upstream := other.through(t)
	image, alone := twoPlatforms(t), twoPlatforms(t)

	// A registry has one of the index's images under another name, which is pulled through.
	manifest, err := image.IndexManifest()
	require.NoError(t, err)
	inner, err := image.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	extra, err := random.Layer(1000, "application/vnd.oci.image.layer.v1.tar+gzip")
	require.NoError(t, err)
	derived, err := mutate.AppendLayers(inner, extra)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/team/derived:v1"), derived))
	require.NoError(t, pullImage(host+"/quay.io/team/derived:v1"))
	waitFor(t, store, "team/derived", derived)

	content, root := layoutOf(t, "quay.io/a/alone", "v1", alone)
	_, err = store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)

	newRelease(t, "1", map[string]v1.ImageIndex{"quay.io/a/base": image, "quay.io/a/alone": alone}).load(t, store)

	for _, id := range []string{"2", "3"} {
		newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}).load(t, store)
	}

	require.Equal(t, "1", dropped(t, store, 2))
	upstream.Close()

	at := serve(t, store)
	require.NoError(t, pullImage(at+"/quay.io/team/derived:v1"), "its layers were the archive's too")
	require.NoError(t, pullAll(t, at+"/quay.io/a/alone:v1"))
	require.Error(t, pullAll(t, at+"/quay.io/a/base:v1"))
}

func TestNothingIsDroppedWhileANoteCanNotBeRead(t *testing.T) {
	for name, content := range map[string]string{"damaged": `{"sha256": "1`, "of another": `{"sha256": "../../pins/x", "whole": true}`} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			for _, id := range []string{"1", "2", "3"} {
				newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}).load(t, store)
			}
			write(t, filepath.Join(store.dir, loadFolder, "x.json"), content)

			err := store.DropArchives(t.Context(), 2, func(DroppedArchive) { t.Error("something went") })
			unread := (*PinError)(nil)
			require.ErrorAs(t, err, &unread)
			require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/a/1:v1"))
		})
	}
}

func TestADropThatWasKilledIsGoneOnWith(t *testing.T) {
	store := newStore(t)
	for _, id := range []string{"1", "2", "3"} {
		newRelease(t, id, map[string]v1.ImageIndex{"quay.io/a/" + id: twoPlatforms(t)}).load(t, store)
	}

	loads, err := store.Archives()
	require.NoError(t, err)
	note := store.loadFile(loads[2])
	kept, err := os.ReadFile(note)
	require.NoError(t, err)
	require.Equal(t, "1", dropped(t, store, 2))
	write(t, note, string(kept)) // as if the last step had not come
	require.NoError(t, store.DropArchives(t.Context(), 2, nil))
	require.NoFileExists(t, note)
}
