// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"io"
	"log"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

// testController is an image of cozy-controller that somebody has pushed.
const testController = "registry.example.org/cozy-controller:v1"

// savedSite saves a whole bundle from a chart repository and a registry in memory, which are gone then.
func savedSite(t *testing.T) (*site.Site, string) {
	t.Helper()
	s := &site.Site{Bundle: site.DistroHosted, Domain: "example.org"}
	s.Metadata.Name = "saved"
	site.SetDefaults(s)
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	plan, err := resolveBundle(s, testController, own)
	require.NoError(t, err)
	charts, err := standin.Repository(t.Context(), plan, own, nil)
	require.NoError(t, err)
	chartServer := httptest.NewServer(charts)
	defer chartServer.Close()
	images := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()

	o := SaveOptions{
		Options:     Options{Site: s, WorkDir: t.TempDir(), ChartSource: chartServer.URL, ControllerImage: testController},
		File:        filepath.Join(t.TempDir(), "saved.tar"),
		ImageSource: strings.TrimPrefix(images.URL, "http://"),
	}
	_, err = SaveBundle(t.Context(), o)
	var missing *archive.IncompleteError
	require.ErrorAs(t, err, &missing)
	require.Greater(t, len(missing.Missing), 5, "every image that is not there is told")
	require.NoError(t, standin.PushImages(t.Context(), o.ImageSource, missing))
	saved, err := SaveBundle(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, saved.Contents.Images, len(missing.Missing))

	return s, o.File
}

// TestUpTakesEverythingFromAnArchive: with no place but the bastion's registry left, every chart and image of the plan is there.
func TestUpTakesEverythingFromAnArchive(t *testing.T) {
	s, file := savedSite(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	o := Options{Site: s, WorkDir: t.TempDir(), Archive: ArchiveOptions{File: file, Unsigned: true, Store: t.TempDir()}}
	_, err = Up(t.Context(), o)
	require.ErrorAs(t, err, new(*NoBastionError))
	s.Registries.Bastion = &site.BastionRegistry{Address: address}
	o.Archive.Unsigned = false
	_, err = Up(t.Context(), o)
	require.ErrorAs(t, err, new(*archive.UnsignedError))
	o.Archive.Unsigned = true
	b := givenArchive(t, o)
	require.Equal(t, testController, b.opts.ControllerImage, "as it was named when it was saved")
	require.NoError(t, b.takeSources(t.Context()))
	for _, p := range b.plan.Packages {
		if p.Chart.Embedded == "" {
			require.Equal(t, archive.ChartSource(address), p.Chart.Repository)
		}
		_, err := b.shelf.Archive(t.Context(), p)
		require.NoError(t, err, p.Name)
		for _, image := range p.Images {
			parsed, err := archive.ParseImage(image)
			require.NoError(t, err)
			reference, err := name.ParseReference(address + "/" + parsed.Repository() + ":" + parsed.Tag)
			require.NoError(t, err)
			_, err = remote.Image(reference)
			require.NoError(t, err, image)
		}
	}
	require.NoError(t, b.close())
	require.False(t, answers(t.Context(), address), "the registry ends with the run that serves it")

	another := givenArchive(t, o)
	another.plan.Packages[len(another.plan.Packages)-1].Chart = bundles.Chart{Name: "absent", Version: "1.0.0"}
	err = another.takeSources(t.Context())
	require.ErrorAs(t, err, new(*UnfitArchiveError))
	require.ErrorContains(t, err, "it has no chart absent 1.0.0")
	another.plan.Bundle = "other"
	err = another.takeSources(t.Context())
	require.ErrorContains(t, err, `it was saved for the bundle "distro-hosted"`)
	require.NotContains(t, err.Error(), "chart", "what follows from that is not told")
	require.NoError(t, another.close())
}

// givenArchive is a run as Up assembles it, with the archive of its options, or that of an earlier run.
func givenArchive(t *testing.T, o Options) *bringup {
	t.Helper()
	dir, err := workdir.Open(o.WorkDir)
	require.NoError(t, err)
	o, err = o.openArchive(dir)
	require.NoError(t, err)
	o, err = o.withControllerImage(t.Context())
	require.NoError(t, err)
	b, err := newBringup(o, dir)
	require.NoError(t, err)
	require.NoError(t, dir.Close())
	return b
}
