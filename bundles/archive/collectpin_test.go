// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhatWasLoadedIsNeverCollected(t *testing.T) {
	other := newElsewhere(t)
	host, store, upstream := other.through(t)
	index := twoPlatforms(t)
	other.has(t, "cilium/cilium:v1", index)
	require.NoError(t, pullAll(t, host+"/quay.io/cilium/cilium:v1"), "it was pulled through before")
	stranger := pullThrough(t, other, host, "team/tool:v1")
	waitFor(t, store, "team/tool", stranger.image)

	content, root := layoutOf(t, "quay.io/cilium/cilium", "v1", index)
	loaded, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	require.Zero(t, loaded.New)

	done, err := store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Equal(t, Collected{Removed: 3, Bytes: stranger.bytes}, done, "what was loaded is not counted either")
	upstream.Close()
	require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/cilium/cilium:v1"))
}

func TestATagThatItsRegistryMovedIsGivenBackToWhatWasLoaded(t *testing.T) {
	other := newElsewhere(t)
	host, store, _ := other.through(t)
	content, root := layoutOf(t, "quay.io/cilium/cilium", "v1", twoPlatforms(t))
	_, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	moved := pullThrough(t, other, host, "cilium/cilium:v1")
	waitFor(t, store, "cilium/cilium", moved.image)
	sum, _, err := store.Resolve(t.Context(), root.Repository, "v1")
	require.NoError(t, err)
	require.Equal(t, partsOf(t, moved.image)[0].sum, sum)

	_, err = store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.NoError(t, pullAll(t, serve(t, store)+"/quay.io/cilium/cilium:v1"))
	sum, has, err := store.Resolve(t.Context(), root.Repository, "v1")
	require.NoError(t, err)
	require.True(t, has)
	require.Equal(t, root.Digest, sum)
}

func TestNothingIsCollectedWhileAPinCanNotBeRead(t *testing.T) {
	for name, content := range map[string]string{"damaged": `{"repository": "quay.io/a`, "empty": "", "of nothing": "{}"} {
		t.Run(name, func(t *testing.T) {
			other := newElsewhere(t)
			host, store, _ := other.through(t)
			one := pullThrough(t, other, host, "team/tool:v1")
			waitFor(t, store, "team/tool", one.image)
			require.NoError(t, os.MkdirAll(filepath.Join(store.dir, pinFolder), 0o700))
			broken := filepath.Join(store.dir, pinFolder, "x.json")
			write(t, broken, content)

			done, err := store.Collect(t.Context(), 0, nil)
			var unread *PinError
			require.ErrorAs(t, err, &unread)
			require.Equal(t, broken, unread.File)
			require.Contains(t, unread.Hint(), "--archive")
			require.Zero(t, done)
			require.NoError(t, pullImage(serve(t, store)+"/quay.io/team/tool:v1"))
		})
	}
}

// stuck is content whose second blob never ends.
type stuck struct {
	Content

	whole map[v1.Hash]bool
	blobs int
	said  func()
}

func (s *stuck) Blob(sum v1.Hash) (io.ReadCloser, error) {
	from, err := s.Content.Blob(sum)
	if err != nil || s.whole[sum] {
		return from, err
	}

	return &stuckReader{ReadCloser: from, of: s}, nil
}

type stuckReader struct {
	io.ReadCloser

	of *stuck
}

func (r *stuckReader) Read(p []byte) (int, error) {
	if r.of.blobs++; r.of.blobs > 2 {
		r.of.said()
		select {}
	}

	return r.ReadCloser.Read(p)
}

// loadUntilKilled names the store and the layout to a test that is a process of its own.
const loadUntilKilled = "COZY_TEST_LOAD_UNTIL_KILLED"

func TestALoadThatIsKilled(t *testing.T) {
	where := os.Getenv(loadUntilKilled)
	if where == "" {
		t.Skip("this is what TestAKilledLoadLosesNothing starts")
	}
	store, err := OpenStore(t.Context(), filepath.Join(where, "store"), nil)
	require.NoError(t, err)
	path, err := layout.FromPath(filepath.Join(where, "layout"))
	require.NoError(t, err)
	index, err := path.ImageIndex()
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	content := &stuck{Content: unlinked{path}, whole: map[v1.Hash]bool{manifest.Manifests[0].Digest: true}, said: func() { os.Stdout.WriteString("stuck\n") }}
	_, err = store.Load(t.Context(), content, []Root{{Repository: "quay.io/a/b", Tag: "v1", Digest: manifest.Manifests[0].Digest}}, nil)
	t.Error("it ended: ", err)
}

func TestAKilledLoadLosesNothing(t *testing.T) {
	where := t.TempDir()
	image, err := random.Image(10_000, 4)
	require.NoError(t, err)
	path, err := layout.Write(filepath.Join(where, "layout"), empty.Index)
	require.NoError(t, err)
	require.NoError(t, path.AppendImage(image))
	sum, err := image.Digest()
	require.NoError(t, err)

	load := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestALoadThatIsKilled$")
	load.Env = append(os.Environ(), loadUntilKilled+"="+where)
	said, err := load.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, load.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "stuck\n", line)
	require.NoError(t, load.Process.Signal(syscall.SIGKILL))
	require.Error(t, load.Wait())

	store, err := OpenStore(t.Context(), filepath.Join(where, "store"), nil)
	require.NoError(t, err)
	has := func() (n int) {
		layers, err := image.Layers()
		require.NoError(t, err)
		for _, layer := range layers {
			if digest, err := layer.Digest(); err == nil && store.hasBlob(digest) {
				n++
			}
		}
		return n
	}
	before := has()
	require.Positive(t, before, "it got something into the store")
	require.Less(t, before, 4)
	_, isThere, err := store.Resolve(t.Context(), "quay.io/a/b", "v1")
	require.NoError(t, err)
	require.False(t, isThere, "nobody is led to what is not whole")

	done, err := store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Zero(t, done)
	require.Equal(t, before, has())

	loaded, err := store.Load(t.Context(), unlinked{path}, []Root{{Repository: "quay.io/a/b", Tag: "v1", Digest: sum}}, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, loaded.Kept, before)
	require.NoError(t, pullImage(serve(t, store)+"/quay.io/a/b:v1"))
}

func TestAnArchiveThatDoesNotFitIsRefusedBeforeItIsWritten(t *testing.T) {
	content, root := layoutOf(t, "quay.io/a/b", "v1", twoPlatforms(t))
	store := newStore(t)
	var about unix.Statfs_t
	require.NoError(t, unix.Statfs(store.dir, &about))
	taken := int64(about.Bavail)*about.Bsize - keepFree - 100_000
	store.space.promised = taken

	_, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.ErrorIs(t, err, syscall.ENOSPC)
	var none *NoRoomError
	require.ErrorAs(t, err, &none)
	require.Greater(t, none.Need, int64(400_000))
	require.Contains(t, none.Hint(), store.dir)
	require.NoDirExists(t, filepath.Join(store.dir, blobFolder), "nothing was written")
	require.Equal(t, taken, store.space.promised)

	store.space.promised = 0
	_, err = store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	require.Zero(t, store.space.promised)

	store.space.promised = taken
	again, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err, "what is there needs no room")
	require.Zero(t, again.New)
}
