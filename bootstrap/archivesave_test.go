// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

// TestASitesBundleIsSaved saves a whole bundle from a chart repository and a registry in memory, opens it, and takes every chart
// of the plan from the registry that it is loaded into.
func TestASitesBundleIsSaved(t *testing.T) {
	s := &site.Site{Bundle: site.DistroHosted, Domain: "example.org"}
	s.Metadata.Name = "saved"
	site.SetDefaults(s)
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	plan, err := resolveBundle(s, "", own)
	require.NoError(t, err)
	charts, err := standin.Repository(t.Context(), plan, own, nil)
	require.NoError(t, err)
	chartServer := httptest.NewServer(charts)
	defer chartServer.Close()
	images := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()

	o := SaveOptions{
		Options:     Options{Site: s, WorkDir: t.TempDir(), ChartSource: chartServer.URL},
		File:        filepath.Join(t.TempDir(), "saved.tar"),
		ImageSource: strings.TrimPrefix(images.URL, "http://"),
	}
	_, err = SaveBundle(t.Context(), o)
	var missing *archive.IncompleteError
	require.ErrorAs(t, err, &missing)
	require.Greater(t, len(missing.Missing), 5, "every image that is not there is told")
	for _, one := range missing.Missing {
		var image *archive.MissingError
		require.ErrorAs(t, one, &image)
		require.NotEmpty(t, image.For)
		pushImage(t, o.ImageSource, strings.TrimPrefix(image.What, "image "))
	}
	saved, err := SaveBundle(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, saved.Contents.Images, len(missing.Missing))

	opened, err := archive.Open(o.File, archive.Trust{Unsigned: true})
	require.NoError(t, err)
	defer opened.Close()
	require.NoError(t, opened.Check(t.Context()))
	store, err := archive.OpenStore(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	_, err = store.Load(t.Context(), opened, opened.Roots(), nil)
	require.NoError(t, err)
	bastion := httptest.NewServer(archive.NewRegistry(t.Context(), store, nil, nil))
	defer bastion.Close()
	chartServer.Close()
	images.Close()

	shelf := bundles.NewShelf(own, nil)
	require.NoError(t, shelf.Redirect(t.Context(), plan, archive.ChartSource(strings.TrimPrefix(bastion.URL, "http://"))))
	for _, p := range plan.Packages {
		_, err := shelf.Archive(t.Context(), p)
		require.NoError(t, err, p.Name)
	}
	for _, p := range plan.Packages {
		for _, image := range p.Images {
			parsed, err := archive.ParseImage(image)
			require.NoError(t, err)
			_, found, err := store.Resolve(t.Context(), parsed.Repository(), parsed.Reference())
			require.True(t, found && err == nil, "%s: %v", image, err)
		}
	}
}

// pushImage puts an image of that name into a registry that stands in for all others. None can be made up for a name with a digest.
func pushImage(t *testing.T, source, image string) {
	t.Helper()
	parsed, err := archive.ParseImage(image)
	require.NoError(t, err)
	require.Empty(t, parsed.Digest, image)
	reference, err := name.ParseReference(source + "/" + parsed.Repository() + ":" + parsed.Tag)
	require.NoError(t, err)
	made, err := random.Image(300, 1)
	require.NoError(t, err)
	config, err := made.ConfigFile()
	require.NoError(t, err)
	config.OS, config.Architecture = "linux", "amd64"
	made, err = mutate.ConfigFile(made, config)
	require.NoError(t, err)
	require.NoError(t, remote.Write(reference, made))
}
