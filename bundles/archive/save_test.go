// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

// What is saved and opened elsewhere is served as it was, by the bastion's registry, without the registries it came from.
func TestWhatIsSavedIsServedAgain(t *testing.T) {
	up := newUpstream(t)
	both := index(t, "linux/amd64", "linux/arm64", "linux/s390x")
	byTag := up.push(t, "team/tool:v1", both)
	digest, err := both.Digest()
	require.NoError(t, err)
	byDigest := up.push(t, "team/pinned:v2", both) + "@" + digest.String()
	made := index(t, "linux/amd64")
	s := bothPlatforms(t, byTag, byDigest)
	s.Made = []MadeImage{{Name: "cozy-install.local/controller:v1", Index: made}}
	key, trust := testKey(t)
	s.Key = key
	file, out := saved(t, s)
	require.Equal(t, key.Public(), out.PublicKey)
	up.refuse = func(*http.Request) bool { return true }

	opened, err := Open(file, trust)
	require.NoError(t, err)
	defer opened.Close()
	require.True(t, opened.Signed)
	require.NoError(t, opened.Check(t.Context()))
	require.Equal(t, out.Contents, opened.Contents)
	store, err := OpenStore(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	_, err = store.Load(t.Context(), opened, opened.Roots(), nil)
	require.NoError(t, err)
	again, err := store.Load(t.Context(), opened, opened.Roots(), nil)
	require.NoError(t, err)
	require.Zero(t, again.New, "loading goes on where it was")

	server := httptest.NewServer(NewRegistry(t.Context(), store, nil, nil))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for saved, want := range map[string]string{byTag: digest.String(), byDigest: digest.String()} {
		image, err := ParseImage(saved)
		require.NoError(t, err)
		reference, err := name.ParseReference(host + "/" + image.Repository() + ":" + image.Tag)
		require.NoError(t, err)
		got, err := remote.Get(reference)
		require.NoError(t, err)
		require.Equal(t, want, got.Digest.String())
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			wanted, err := parsePlatforms([]string{platform})
			require.NoError(t, err)
			img, err := remote.Image(reference, remote.WithPlatform(wanted[0]))
			require.NoError(t, err)
			require.NoError(t, validate.Image(img), platform)
		}
	}
	chart, err := name.ParseReference(host + "/charts/cilium:1.0.0_x")
	require.NoError(t, err)
	got, err := remote.Get(chart)
	require.NoError(t, err)
	require.Equal(t, opened.Contents.Charts[0].Digest, got.Digest)
}

func TestTheSamePartsMakeTheSameArchive(t *testing.T) {
	up := newUpstream(t)
	s := bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64", "linux/arm64")), up.push(t, "team/b:1", index(t, "linux/amd64", "linux/arm64")))
	first, _ := saved(t, s)
	s.Images[0], s.Images[1] = s.Images[1], s.Images[0]
	s.Cache = t.TempDir()
	second, _ := saved(t, s)
	a, err := os.ReadFile(first)
	require.NoError(t, err)
	b, err := os.ReadFile(second)
	require.NoError(t, err)
	require.Equal(t, string(a), string(b), "two archives of the same parts differ")
}

func TestAnInterruptedSaveGoesOn(t *testing.T) {
	up := newUpstream(t)
	s := bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64", "linux/arm64")))
	file := filepath.Join(t.TempDir(), "b.tar")
	layers := map[string]int{}
	up.refuse = func(r *http.Request) bool { // it breaks off after two layers
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		layers[r.URL.Path]++
		return len(layers) > 4 // two configurations come first
	}
	_, err := Save(t.Context(), s, file)
	require.ErrorContains(t, err, "403")
	require.NoFileExists(t, file)
	require.NoFileExists(t, file+".part")
	had := layers
	layers = map[string]int{}
	up.refuse = func(r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			layers[r.URL.Path]++
		}
		return false
	}
	_, err = Save(t.Context(), s, file)
	require.NoError(t, err)
	fetched := 0
	for path := range layers {
		if had[path] > 0 {
			fetched++
		}
	}
	require.LessOrEqual(t, fetched, 1, "only what was refused is fetched again")
	require.Len(t, layers, 2, "of four layers two were there")
}

func TestEverythingThatCannotBeHadIsNamedAtOnce(t *testing.T) {
	up := newUpstream(t)
	s := bothPlatforms(t, up.host+"/absent:1", up.push(t, "other:1", index(t, "linux/s390x")), "Not//an image",
		up.push(t, "here:1", index(t, "linux/amd64")), up.host+"/pinned@sha256:"+strings.Repeat("0", 64))
	_, err := Save(t.Context(), s, filepath.Join(t.TempDir(), "b.tar"))
	var missing *IncompleteError
	require.ErrorAs(t, err, &missing)
	require.Len(t, missing.Missing, 4)
	for i, want := range []string{"/absent:1 (for some-package)", "it is for linux/s390x only, and none of linux/amd64, linux/arm64", "Not//an image", "/pinned@sha256"} {
		require.ErrorContains(t, missing.Missing[i], want)
	}
	s.Images = s.Images[3:4]
	_, out := saved(t, s)
	require.Equal(t, []string{"linux/arm64"}, out.Contents.Images[0].Lacks, "what an image does not exist for is told")
}

func TestARegistryThatSendsSomethingElseIsRefused(t *testing.T) {
	up := newUpstream(t)
	s := bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64")))
	s.Transport = flipping{}
	_, err := Save(t.Context(), s, filepath.Join(t.TempDir(), "b.tar"))
	require.ErrorContains(t, err, "/team/a:1 (for some-package)")
}

func TestImagesComeFromOneSource(t *testing.T) {
	up := newUpstream(t)
	up.push(t, "mirror/docker.io/library/nginx:1", index(t, "linux/amd64"))
	s := bothPlatforms(t, "nginx:1")
	s.Source = up.host + "/mirror"
	_, out := saved(t, s)
	require.Equal(t, "docker.io/library/nginx:1", out.Contents.Images[0].Name)
}

func TestAChangedCacheIsNoticed(t *testing.T) {
	up := newUpstream(t)
	s := bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64")))
	file, _ := saved(t, s)
	blobs, err := filepath.Glob(filepath.Join(s.Cache, blobsFolder, "*"))
	require.NoError(t, err)
	largest := blobs[0]
	for _, blob := range blobs {
		if sizeOf(t, blob) > sizeOf(t, largest) {
			largest = blob
		}
	}
	flip(t, largest, 10)
	_, err = Save(t.Context(), s, file)
	require.ErrorContains(t, err, "was changed, and is fetched again by the next run")
	_, err = Save(t.Context(), s, file)
	require.NoError(t, err)
}

func TestNothingIsWrittenWhereThereIsNoRoom(t *testing.T) {
	err := checkSpace([]spaceNeed{{t.TempDir(), 1 << 62}})
	var full *NoSpaceError
	require.ErrorAs(t, err, &full)
	require.Positive(t, full.Free)
	require.Contains(t, full.Hint(), "--to")
	require.Contains(t, full.Hint(), "--work-dir")
	require.EqualError(t, &NoSpaceError{Dir: "/x", Need: 300 << 10, Free: 100}, "/x: 300 KiB are needed, 100 B are free")
}

func TestAnArchiveIsWrittenIntoADirectoryThatIsThere(t *testing.T) {
	dir := t.TempDir()
	_, err := Save(t.Context(), Saving{Contents: Contents{Platforms: []string{"linux/amd64"}}, Cache: dir}, filepath.Join(dir, "no", "a.tar"))
	var missing *NoFolderError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, filepath.Join(dir, "no"), missing.Dir)
	require.Contains(t, missing.Hint(), "mkdir -p "+missing.Dir+",")
	require.Contains(t, (&NoFolderError{Dir: "/my disk/it's"}).Hint(), `mkdir -p '/my disk/it'\''s',`)
	require.NoError(t, os.WriteFile(missing.Dir, nil, 0o600))
	require.ErrorAs(t, CheckTarget(missing.File), &missing, "a file is no directory")
	require.NoError(t, CheckTarget(missing.Dir))
}

func TestProgressIsToldInUnitsThatFit(t *testing.T) {
	told := func(total int64, steps ...int64) []string {
		var lines []string
		tell := &teller{total: total, say: func(line string) { lines = append(lines, line) }}
		for _, n := range steps {
			tell.got(n)
		}
		return lines
	}
	require.Equal(t, []string{"images: 300 KiB of 300 KiB"}, told(300<<10, slices.Repeat([]int64{10 << 10}, 30)...))
	require.Equal(t, []string{"images: 8.0 MiB of 20 MiB", "images: 16 MiB of 20 MiB", "images: 20 MiB of 20 MiB"},
		told(20<<20, slices.Repeat([]int64{1 << 20}, 20)...))
	require.Len(t, told(20<<30, slices.Repeat([]int64{1 << 28}, 80)...), 10, "each tenth of much")
	require.Empty(t, told(0, 0))
}

// flipping changes a byte of every blob.
type flipping struct{}

func (flipping) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/blobs/") {
		answer.Body = flipped{answer.Body}
	}
	return answer, err
}

func sizeOf(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	require.NoError(t, err)
	return info.Size()
}

// flip changes one byte of a file.
func flip(t *testing.T, file string, at int64) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
}
