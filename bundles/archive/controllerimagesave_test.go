// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

func TestAnOCIArchiveHoldsTheImageByItsDigest(t *testing.T) {
	made := buildController(t, standIn{}, "amd64", "arm64")
	path := filepath.Join(t.TempDir(), "image.tar")

	reference, err := made.Save(t.Context(), path, OCIArchive, "")
	require.NoError(t, err)
	require.Equal(t, made.Reference(), reference)

	saved, err := layout.ImageIndexFromPath(unpack(t, path))
	require.NoError(t, err)
	held, err := saved.IndexManifest()
	require.NoError(t, err)
	require.Len(t, held.Manifests, 1)
	require.Equal(t, made.Digest, held.Manifests[0].Digest)
	require.Equal(t, reference, held.Manifests[0].Annotations["io.containerd.image.name"], "the name containerd gives it")

	index, err := saved.ImageIndex(made.Digest)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index, validate.Fast))
	require.Equal(t, layerContents(t, made.Index), layerContents(t, index))

	first, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = made.Save(t.Context(), path, OCIArchive, "")
	require.NoError(t, err)
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(first), string(again), "the same image is the same archive")
}

func TestADockerArchiveHoldsOnePlatformByTag(t *testing.T) {
	made := buildController(t, standIn{}, "amd64", "arm64")
	path := filepath.Join(t.TempDir(), "image.tar")

	reference, err := made.Save(t.Context(), path, DockerArchive, "linux/arm64")
	require.NoError(t, err)
	require.Equal(t, "cozy-install.local/cozy-controller:v1.2.3", reference)

	tag, err := name.NewTag(reference)
	require.NoError(t, err)
	image, err := tarball.ImageFromPath(path, &tag)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "arm64", config.Architecture)
	require.Equal(t, []string{"/cozy-controller"}, config.Config.Entrypoint)
}

func TestOnlyArchivesThatCanBeAreSaved(t *testing.T) {
	made := buildController(t, standIn{}, "amd64", "arm64")
	path := filepath.Join(t.TempDir(), "image.tar")

	for _, tc := range []struct{ form, platform, hint string }{
		{"zip", "", "oci-archive and docker-archive"},
		{OCIArchive, "linux/amd64", "leave --platform out"},
		{DockerArchive, "", "--platform linux/amd64 or linux/arm64"},
		{DockerArchive, "linux/riscv64", "--platform linux/amd64 or linux/arm64"},
	} {
		_, err := made.Save(t.Context(), path, tc.form, tc.platform)

		var wrong *FormError

		require.ErrorAs(t, err, &wrong)
		require.Contains(t, wrong.Hint(), tc.hint)
		require.NoFileExists(t, path)
	}

	one := buildController(t, standIn{}, "arm64")
	_, err := one.Save(t.Context(), path, DockerArchive, "")
	require.NoError(t, err, "there is but one platform")
}

// A half-written archive is none: what was there stays.
func TestASaveThatFailsLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	program := standIn{}.build(t, dir, "amd64")
	made, err := BuildController(t.Context(), ControllerBinaries{Dir: dir, Version: testVersion})
	require.NoError(t, err)

	path := filepath.Join(t.TempDir(), "image.tar")
	write(t, path, "before")
	require.NoError(t, os.Truncate(program, 1000))
	_, err = made.Save(t.Context(), path, OCIArchive, "")
	require.Error(t, err, "the program is not what it was")

	held, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(held))
}

func layerContents(t *testing.T, index v1.ImageIndex) []string {
	t.Helper()

	manifest, err := index.IndexManifest()
	require.NoError(t, err)

	var out []string

	for _, one := range manifest.Manifests {
		image, err := index.Image(one.Digest)
		require.NoError(t, err)
		layers, err := image.Layers()
		require.NoError(t, err)
		content, err := layers[0].Uncompressed()
		require.NoError(t, err)
		sum, _, err := v1.SHA256(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())

		out = append(out, sum.String())
	}

	return out
}

func unpack(t *testing.T, path string) string {
	t.Helper()

	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()

	dir := t.TempDir()

	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}

		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(header.Name)), 0o700))
		write(t, filepath.Join(dir, header.Name), string(content))
	}
}

// What nobody has published is pulled from the bastion like anything else.
func TestTheStoreServesTheMadeImage(t *testing.T) {
	made := buildController(t, standIn{}, "amd64", "arm64")
	store := newStore(t)
	_, err := store.Load(t.Context(), made, []Root{made.Root()}, nil)
	require.NoError(t, err)
	again, err := store.Load(t.Context(), made, []Root{made.Root()}, nil)
	require.NoError(t, err)
	require.Zero(t, again.New)
	host := serve(t, store)
	for _, platform := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}} {
		image, err := remote.Image(refTo(t, host+"/"+made.Reference()), remote.WithPlatform(platform))
		require.NoError(t, err)
		require.NoError(t, validate.Image(image, validate.Fast), "of layers, which it takes for compressed")
		layers, err := image.Layers()
		require.NoError(t, err)
		require.Len(t, layers, 1)
		content, err := layers[0].Compressed()
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, content) // the client holds it against its digest
		require.NoError(t, err)
		require.NoError(t, content.Close())
	}
}
