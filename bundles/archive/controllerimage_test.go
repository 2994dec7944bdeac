// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/manifests"
)

func TestTheSameProgramsMakeTheSameImage(t *testing.T) {
	first := buildController(t, standIn{}, "amd64", "arm64")
	again := buildController(t, standIn{}, "amd64", "arm64")
	other := buildController(t, standIn{content: "other"}, "amd64", "arm64")

	require.Equal(t, first.Digest, again.Digest)
	require.NotEqual(t, first.Digest, other.Digest)
	require.Equal(t, "cozy-install.local/cozy-controller@"+first.Digest.String(), first.Reference())
	require.Equal(t, []string{"linux/amd64", "linux/arm64"}, first.Platforms)
	require.Empty(t, first.Missing)
	require.NoError(t, validate.Index(first.Index, validate.Fast), "of layers, which it takes for compressed, see below")
}

func TestAnImageOfOnePlatformSaysWhatIsMissing(t *testing.T) {
	made := buildController(t, standIn{}, "arm64")

	require.Equal(t, []string{"linux/arm64"}, made.Platforms)
	require.Equal(t, []string{"cozy-controller-linux-amd64"}, made.Missing)
}

func TestTheImageHoldsOneProgramForAnyUser(t *testing.T) {
	dir := t.TempDir()
	program := standIn{}.build(t, dir, "arm64")
	made, err := BuildController(t.Context(), ControllerBinaries{Dir: dir, Version: testVersion})
	require.NoError(t, err)

	mediaType, err := made.Index.MediaType()
	require.NoError(t, err)
	require.Equal(t, types.OCIImageIndex, mediaType)

	image := onlyImage(t, made.Index)
	mediaType, err = image.MediaType()
	require.NoError(t, err)
	require.Equal(t, types.OCIManifestSchema1, mediaType)

	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "linux/arm64", config.Platform().String())
	require.Equal(t, []string{"/cozy-controller"}, config.Config.Entrypoint)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, testVersion, config.Config.Labels["org.opencontainers.image.version"])
	require.Equal(t, testRevision, config.Config.Labels["org.opencontainers.image.revision"])
	require.NotEmpty(t, config.Config.Labels["org.opencontainers.image.source"])

	layers, err := image.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Compressed()
	require.NoError(t, err)
	digest, size, err := v1.SHA256(content)
	require.NoError(t, err)
	require.Equal(t, v1.Descriptor{MediaType: types.OCIUncompressedLayer, Size: size, Digest: digest}, layerDescriptor(t, image))
	require.NoError(t, content.Close())
	content, err = layers[0].Uncompressed()
	require.NoError(t, err)

	archive := tar.NewReader(content)
	header, err := archive.Next()
	require.NoError(t, err)
	require.Equal(t, "cozy-controller", header.Name)
	require.Equal(t, fs.FileMode(0o555), header.FileInfo().Mode(), "readable and executable for user 65532, writable for nobody")
	require.Zero(t, header.Uid)

	held, err := io.ReadAll(archive)
	require.NoError(t, err)
	want, err := os.ReadFile(program)
	require.NoError(t, err)
	require.Len(t, held, len(want))
	require.Equal(t, string(want), string(held), "the program, byte for byte")

	_, err = archive.Next()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, content.Close())
}

// The chart gives arguments and no command, and a user and a port that the image declares.
func TestTheImageIsWhatTheChartExpects(t *testing.T) {
	chart, err := fs.Sub(manifests.Charts(), "cozy-controller")
	require.NoError(t, err)
	deployment, err := fs.ReadFile(chart, "templates/deployment.yaml")
	require.NoError(t, err)
	require.NotContains(t, string(deployment), "command:", "the image's entrypoint runs")
	require.Contains(t, string(deployment), "runAsUser: 65532")
	require.Contains(t, string(deployment), "runAsGroup: 65532")

	var values struct{ Port int }
	text, err := fs.ReadFile(chart, "values.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &values))

	config, err := onlyImage(t, buildController(t, standIn{}, "amd64").Index).ConfigFile()
	require.NoError(t, err)
	require.Contains(t, config.Config.ExposedPorts, "9680/tcp")
	require.Equal(t, 9680, values.Port)
}

func buildController(t *testing.T, program standIn, archs ...string) *ControllerImage {
	t.Helper()

	dir := t.TempDir()
	for _, arch := range archs {
		program.build(t, dir, arch)
	}

	made, err := BuildController(t.Context(), ControllerBinaries{Dir: dir, Version: testVersion})
	require.NoError(t, err)

	return made
}

func onlyImage(t *testing.T, index v1.ImageIndex) v1.Image {
	t.Helper()

	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	image, err := index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)

	return image
}

func layerDescriptor(t *testing.T, image v1.Image) v1.Descriptor {
	t.Helper()

	manifest, err := image.Manifest()
	require.NoError(t, err)
	require.Len(t, manifest.Layers, 1)

	return manifest.Layers[0]
}

func TestProgramsAreWhatTheirNamesSay(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(t *testing.T, dir string)
		want []string
	}{
		"nothing": {func(*testing.T, string) {}, []string{"there is neither cozy-controller-linux-amd64 nor cozy-controller-linux-arm64"}},
		"another machine": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Rename(standIn{}.build(t, dir, "amd64"), filepath.Join(dir, "cozy-controller-linux-arm64")))
		}, []string{"cozy-controller-linux-arm64: a program for EM_X86_64, not EM_AARCH64"}},
		"another program": {func(t *testing.T, dir string) {
			t.Helper()
			standIn{module: "example.org/other"}.build(t, dir, "amd64")
		}, []string{"cozy-controller-linux-amd64: built from example.org/other/cmd/cozy-controller, not " + controllerPackage}},
		"another version, and one without": {func(t *testing.T, dir string) {
			t.Helper()
			standIn{stamp: "cozy-controller-build:v1.2.2:;"}.build(t, dir, "amd64")
			standIn{stamp: "v1.2.3"}.build(t, dir, "arm64")
		}, []string{
			"cozy-controller-linux-amd64 is of version v1.2.2, and cozy-install of v1.2.3",
			"cozy-controller-linux-arm64: not stamped with its version",
		}},
		"linked to libraries": {func(t *testing.T, dir string) {
			t.Helper()
			standIn{flags: []string{"-buildmode=pie"}}.build(t, dir, "amd64")
		}, []string{"cozy-controller-linux-amd64: linked to libraries"}},
		"no program": {func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, "cozy-controller-linux-amd64"), "#!/bin/sh\n")
		}, []string{"cozy-controller-linux-amd64: not an ELF program"}},
		"a directory": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "cozy-controller-linux-amd64"), 0o700))
		}, []string{"cozy-controller-linux-amd64: not a file"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tc.make(t, dir)
			_, err := BuildController(t.Context(), ControllerBinaries{Dir: dir, Version: testVersion})

			var wrong *BinariesError

			require.ErrorAs(t, err, &wrong)
			require.Len(t, wrong.Problems, len(tc.want))

			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}

			require.Contains(t, wrong.Hint(), "--controller-binaries")
		})
	}
}
