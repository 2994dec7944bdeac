// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"io"
	"log"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/talos"
)

const standInVersion = "v0.0.1"

// archivedSite is a Talos site whose archive was saved with a network that is gone.
type archivedSite struct {
	site *site.Site
	file string
}

func newArchivedSite(t *testing.T) *archivedSite {
	t.Helper()
	s := parseSite(t, "bundle: paas-full", "bundle: distro-full")
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	plan, err := resolveBundle(s, "", own)
	require.NoError(t, err)
	dropDigests(plan)
	charts, err := standin.Repository(t.Context(), plan, own, map[string]map[string]string{"metrics-server": {"templates/more.yaml": moreImages}})
	require.NoError(t, err)
	chartServer := httptest.NewServer(charts)
	defer chartServer.Close()
	images := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()

	o := SaveOptions{
		Options:     Options{Site: s, WorkDir: t.TempDir(), ChartSource: chartServer.URL, AssetsDir: fakeAssets(t)},
		File:        filepath.Join(t.TempDir(), "saved.tar"),
		ImageSource: strings.TrimPrefix(images.URL, "http://"),
		Images:      []string{"tools.example.net/more:v1"},
	}
	o.Options.ControllerBinaries = archive.ControllerBinaries{Dir: t.TempDir(), Version: standInVersion}
	_, err = saveWithoutDigests(t, o)
	var missing *archive.IncompleteError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, err.Error(), "cozy-controller's image (for cozy-controller): programs of cozy-controller in "+o.Options.ControllerBinaries.Dir)
	require.NotContains(t, err.Error(), "ghcr.io/cozystack/cozy-install/cozy-controller", "an image that is nowhere is not asked for")
	o.Options.ControllerBinaries.Dir = standInController(t)
	missing.Missing = slices.DeleteFunc(missing.Missing, func(err error) bool { return strings.HasPrefix(err.Error(), "cozy-controller's") })
	require.NoError(t, standin.PushImages(t.Context(), o.ImageSource, missing))
	saved, err := saveWithoutDigests(t, o)
	require.NoError(t, err)
	require.Contains(t, saved.Contents.Controller, archive.ControllerRepository+"@sha256:")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.Registries.Bastion = &site.BastionRegistry{Address: listener.Addr().String(), Only: true}
	require.NoError(t, listener.Close())
	return &archivedSite{site: s, file: o.File}
}

// options are those of a bastion without a network and without cozy-controller's programs.
func (a *archivedSite) options(t *testing.T) Options {
	t.Helper()
	return Options{
		Site: a.site, WorkDir: t.TempDir(), Archive: ArchiveOptions{File: a.file, Unsigned: true},
		ControllerBinaries: archive.ControllerBinaries{Dir: t.TempDir(), Version: standInVersion},
	}
}

func archivedRun(t *testing.T, o Options) *bringup {
	t.Helper()
	b := givenArchive(t, o)
	dropDigests(b.plan)
	return b
}

func TestATalosSiteNeedsNothingButItsArchive(t *testing.T) {
	a := newArchivedSite(t)
	t.Run("it is closed where a run cannot begin", a.isClosedWhereARunCannotBegin)
	t.Run("it comes up, and later runs remember", a.comesUp)
	t.Run("what is lacking is refused before anything is touched", a.refusesGaps)
	t.Run("an image of other programs would serve other charts", a.refusesOtherPrograms)
	t.Run("later runs hold it against the site", a.isHeldAgainstTheSiteLater)
	t.Run("later runs take the image of newer programs", a.takesTheImageOfNewerPrograms)
	t.Run("one that the registry lacks is not kept", a.isNotKeptWhereTheRegistryLacksIt)
	t.Run("one that the registry has is not stored twice", a.isNotStoredTwice)
	t.Run("what was removed is told with the same file", a.saysWhatIsGone)
}

func (a *archivedSite) comesUp(t *testing.T) {
	o := a.options(t)
	first := archivedRun(t, o)
	require.NoError(t, first.takeSources(t.Context()))
	require.Contains(t, first.opts.ControllerImage, archive.ControllerRepository+"@sha256:")
	require.Nil(t, first.opts.made, "it is the archive's")
	boot, err := first.bootAssets(t.Context(), func(string) {})
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(boot.Dir, "kernel-amd64"))
	require.NoError(t, first.close())

	o.Archive = ArchiveOptions{} // any later command
	later := archivedRun(t, o)
	require.Equal(t, first.opts.ControllerImage, later.opts.ControllerImage)
	again, err := later.bootAssets(t.Context(), func(string) {})
	require.NoError(t, err)
	require.Equal(t, boot, again)
	cluster, err := later.talosCluster()
	require.NoError(t, err)
	require.Contains(t, cluster.Registries.Places, "tools.example.net", "an image that was added to the archive")
	var silent *SilentRegistryError
	require.ErrorAs(t, later.takeChartSource(t.Context()), &silent, "who only looks serves nothing, and asks no network")
	require.Contains(t, silent.Hint(), "bundle serve --store "+filepath.Join(o.WorkDir, "registry"))
	require.NoError(t, later.takeSources(t.Context()), "who installs serves the store")
	for _, p := range later.plan.Packages {
		if p.Chart.Embedded == "" {
			require.Equal(t, archive.ChartSource(a.site.Registries.Bastion.Address), p.Chart.Repository)
		}
	}
	require.NoError(t, later.close())

	changed := *a.site
	other := *a.site.Talos
	other.Version = "v1.13.8"
	changed.Talos, o.Site = &other, &changed
	stale := archivedRun(t, o)
	_, err = stale.bootAssets(t.Context(), func(string) {})
	require.ErrorAs(t, err, new(*StaleArchiveError), "nothing is fetched")

	o.Archive.Online, o.ControllerImage = true, testController
	online := archivedRun(t, o)
	require.Nil(t, online.opts.archived)
	require.NoError(t, online.takeSources(t.Context()))
	kept, err := keptArchive(online.dir)
	require.NoError(t, err)
	require.Nil(t, kept, "nor does a later run have it")
}

func (a *archivedSite) refusesGaps(t *testing.T) {
	o := a.options(t)
	b := archivedRun(t, o)
	c := &b.opts.archived.Contents
	installer := installImage(a.site.Talos, c.Schematic)
	var lost string
	for i := range c.Images {
		if c.Images[i].Name == "registry.k8s.io/pause:3.10.1" {
			c.Images[i].Lacks = []string{"linux/amd64"}
		}
	}
	images := c.Images
	c.Images = nil
	for _, image := range images {
		switch {
		case image.Name == installer:
		case lost == "" && strings.HasPrefix(image.Name, "quay.io/"):
			lost = image.Name
		default:
			c.Images = append(c.Images, image)
		}
	}
	require.NotEmpty(t, lost)
	c.Assets, c.Kubernetes, c.Platforms = c.Assets[:1], "v1.34.0", []string{"linux/arm64"}
	err := b.takeSources(t.Context())
	var unfit *UnfitArchiveError
	require.ErrorAs(t, err, &unfit)
	require.Contains(t, b.opts.ControllerImage, archive.ControllerRepository)
	require.NotContains(t, unfit.Hint(), "--controller-image", "the archive's own: bundle save makes it, and can't fetch it")
	require.NotContains(t, unfit.Hint(), "--key")
	b.opts.archived.trust.Key = &archive.PublicKey{}
	b.opts.ControllerImage = "example.org/mine:v1"

	err = b.takeSources(t.Context())
	require.ErrorAs(t, err, &unfit)
	for _, want := range []string{
		`it was saved for Kubernetes "v1.34.0"`, "it has nothing for linux/amd64", "it has no image " + lost,
		"it has no image " + installer + ", for Talos's installer", "it has image registry.k8s.io/pause:3.10.1, for Talos, but not for linux/amd64",
		"boot assets: amd64 machines need",
	} {
		require.ErrorContains(t, err, want)
	}
	require.Contains(t, unfit.Hint(), "cozy-install bundle save --to FILE --key KEY --controller-image example.org/mine:v1")
	require.NoFileExists(t, filepath.Join(o.WorkDir, workdir.ArchiveFile))
	require.NoDirExists(t, filepath.Join(o.WorkDir, registryDir))
	require.NoError(t, b.close())

	changed, another := *a.site, *a.site.Talos
	another.Version = "v1.13.77"
	changed.Talos, o.Site = &another, &changed
	b = archivedRun(t, o)
	b.opts.archived.Contents.Images = nil
	err = b.takeSources(t.Context())
	require.ErrorAs(t, err, new(*talos.UnknownImagesError))
	require.ErrorAs(t, err, &unfit)
	require.Contains(t, unfit.Hint(), "--image registry.k8s.io/etcd:VERSION")
	require.ErrorContains(t, err, "it has no image "+archive.ControllerRepository)
	require.ErrorAs(t, wantedAssets(o.Site).Lacking(nil), new(*assets.MissingError))
	require.NoError(t, b.close())
}

func (a *archivedSite) refusesOtherPrograms(t *testing.T) {
	o := a.options(t)
	o.ControllerBinaries.Version = "v0.0.2"
	b := archivedRun(t, o)
	err := b.takeSources(t.Context())
	require.ErrorAs(t, err, new(*UnfitArchiveError))
	require.ErrorContains(t, err, "its image of cozy-controller is of version v0.0.1, and cozy-install of v0.0.2, and none can be made: ")
	require.NoError(t, b.close())
}
