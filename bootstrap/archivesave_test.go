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

// savedSite saves a whole bundle from a chart repository and a registry in memory, which are gone then.
func savedSite(t *testing.T) (*site.Site, string) {
	t.Helper()
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
	dir, err := workdir.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	o := Options{Site: s, WorkDir: t.TempDir(), Archive: ArchiveOptions{File: file, Unsigned: true, Store: t.TempDir()}}
	b, err := newBringup(o, dir)
	require.NoError(t, err)
	require.ErrorAs(t, b.useArchive(t.Context()), new(*NoBastionError))
	s.Registries.Bastion = &site.BastionRegistry{Address: address}
	b.opts.Archive.Unsigned = false
	require.ErrorAs(t, b.useArchive(t.Context()), new(*archive.UnsignedError))
	b.opts.Archive.Unsigned = true
	require.NoError(t, b.useArchive(t.Context()))
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

	another, err := newBringup(o, dir)
	require.NoError(t, err)
	another.plan.Bundle = "other"
	another.plan.Packages[len(another.plan.Packages)-1].Chart = bundles.Chart{Name: "absent", Version: "1.0.0"}
	err = another.useArchive(t.Context())
	require.ErrorContains(t, err, `it was saved for the bundle "distro-hosted"`)
	require.ErrorContains(t, err, "it has no chart absent 1.0.0")
}
