// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// upstream is somebody else's registry, in memory. Its host is 127.0.0.1 with a port.
type upstream struct {
	host   string
	refuse func(r *http.Request) bool
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	inner := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.refuse != nil && u.refuse(r) {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u.host = strings.TrimPrefix(server.URL, "http://")
	return u
}

// index is an image for several platforms, of random content.
func index(t *testing.T, platforms ...string) v1.ImageIndex {
	t.Helper()
	out := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		require.NoError(t, err)
		out = mutate.AppendManifests(out, mutate.IndexAddendum{Add: image(t, text), Descriptor: v1.Descriptor{Platform: platform}})
	}
	return out
}

func image(t *testing.T, text string) v1.Image {
	t.Helper()
	platform, err := v1.ParsePlatform(text)
	require.NoError(t, err)
	made, err := random.Image(2000, 2)
	require.NoError(t, err)
	config, err := made.ConfigFile()
	require.NoError(t, err)
	config.OS, config.Architecture = platform.OS, platform.Architecture
	made, err = mutate.ConfigFile(made, config)
	require.NoError(t, err)
	return made
}

// push puts an index into the registry and returns its complete name.
func (u *upstream) push(t *testing.T, repository string, index v1.ImageIndex) string {
	t.Helper()
	reference, err := name.ParseReference(u.host + "/" + repository)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(reference, index))
	return reference.String()
}

// bothPlatforms is a Saving of the images, with a chart and a boot asset.
func bothPlatforms(t *testing.T, images ...string) Saving {
	t.Helper()
	asset := filepath.Join(t.TempDir(), "kernel-amd64")
	require.NoError(t, os.WriteFile(asset, []byte("a kernel"), 0o600))
	s := Saving{
		Contents: Contents{Bundle: "b", Talos: "v1.13.9", Platforms: []string{"linux/amd64", "linux/arm64"}},
		Charts:   []PackedChart{{Name: "cilium", Version: "1.0.0+x", Archive: []byte("a chart")}},
		Assets:   []string{asset}, Cache: t.TempDir(),
	}
	for _, image := range images {
		s.Images = append(s.Images, WantedImage{Name: image, For: []string{"some-package"}})
	}
	return s
}

// saved is an archive in a file.
func saved(t *testing.T, s Saving) (string, Saved) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "b.tar")
	out, err := Save(t.Context(), s, file)
	require.NoError(t, err)
	return file, out
}

func testKey(t *testing.T) (*Key, Trust) {
	t.Helper()
	key, err := MakeKey(filepath.Join(t.TempDir(), "key"))
	require.NoError(t, err)
	public, err := ParsePublicKey([]byte(key.Public()))
	require.NoError(t, err)
	return key, Trust{Key: public}
}

// flipped changes the first byte of each read.
type flipped struct{ io.ReadCloser }

func (f flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 {
		p[0] ^= 1
	}
	return n, err
}
