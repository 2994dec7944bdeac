// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles/archive"
)

func TestAnArchiveIsLoadedBeforeItIsServed(t *testing.T) {
	saved := filepath.Join(t.TempDir(), "b.tar")
	key, err := archive.MakeKey(filepath.Join(t.TempDir(), "key"))
	require.NoError(t, err)
	public := filepath.Join(t.TempDir(), "key.pub")
	require.NoError(t, os.WriteFile(public, []byte(key.Public()), 0o600))
	_, err = archive.Save(t.Context(), archive.Saving{
		Contents: archive.Contents{Bundle: "b", Platforms: []string{"linux/amd64"}}, Cache: t.TempDir(), Key: key,
		Charts: []archive.PackedChart{{Name: "cilium", Version: "1.0.0", Archive: []byte("a chart")}},
	}, saved)
	require.NoError(t, err)

	start := func(publicKey string) ([]string, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var said []string
		options := RegistryOptions{Store: filepath.Join(t.TempDir(), "store"), Listen: "127.0.0.1:0", Archive: saved, PublicKey: publicKey}
		err := ServeRegistry(ctx, options, func(line string) {
			if said = append(said, line); len(said) == 3 {
				cancel() // it serves
			}
		})
		return said, err
	}
	said, err := start(public)
	require.NoError(t, err)
	require.Len(t, said, 3)
	require.Contains(t, said[0], "0 images and 1 charts of b")
	require.Contains(t, said[1], "2 layers and configs are new")

	said, err = start("")
	var unknown *archive.NoPublicKeyError
	require.ErrorAs(t, err, &unknown)
	require.Empty(t, said, "nothing is loaded, and nothing served")
	_, err = start(saved)
	require.ErrorContains(t, err, "public key")
}

func TestTheRegistrysCacheIsKeptBelowItsLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	blob := filepath.Join(dir, "docker/registry/v2/blobs/sha256/aa", strings.Repeat("a", 64), "data")
	for _, limit := range []int64{0, 1000} {
		require.NoError(t, os.MkdirAll(filepath.Dir(blob), 0o700))
		require.NoError(t, os.WriteFile(blob, make([]byte, 4096), 0o600)) // as if it had been pulled through
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- ServeRegistry(ctx, RegistryOptions{Store: dir, Listen: "127.0.0.1:0", CacheLimit: limit}, func(string) {
				if limit == 0 {
					cancel()
				}
			})
		}()
		if limit > 0 {
			require.Eventually(t, func() bool {
				_, err := os.Stat(blob)
				return errors.Is(err, fs.ErrNotExist)
			}, 10*time.Second, 10*time.Millisecond)
			cancel()
		}
		require.NoError(t, <-ended)
		cancel()
		if limit == 0 {
			require.FileExists(t, blob)
		}
	}
}

func TestOldArchivesAreDroppedWhenThatIsAskedFor(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	start := func(keep int, version string) (said []string) {
		saved := filepath.Join(t.TempDir(), "b.tar")
		_, err := archive.Save(t.Context(), archive.Saving{
			Contents: archive.Contents{Bundle: "b", Platforms: []string{"linux/amd64"}}, Cache: t.TempDir(),
			Charts: []archive.PackedChart{{Name: "cilium", Version: version, Archive: []byte("a chart " + version)}},
		}, saved)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		options := RegistryOptions{Store: store, Listen: "127.0.0.1:0", Archive: saved, Unsigned: true, KeepArchives: keep}
		require.NoError(t, ServeRegistry(ctx, options, func(line string) {
			if said = append(said, line); strings.HasPrefix(line, "serving images and charts") {
				cancel()
			}
		}))
		return said
	}
	for _, version := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		require.Len(t, start(0, version), 3, "all stay where nobody asks")
	}
	said := start(2, "4.0.0")
	require.Len(t, said, 5)
	require.Regexp(t, `^removed what only archive [0-9a-f]{12} of b had, last loaded 20\d\d-\d\d-\d\d: 3 manifests, layers and configs \(\d+ B\)$`, said[2])
	require.NotEqual(t, said[2], said[3])
	require.Len(t, start(2, "4.0.0"), 3, "there is nothing more to drop")
}
