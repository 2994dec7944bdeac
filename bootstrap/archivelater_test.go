// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// moreImages renders an image that only values name.
const moreImages = `{{ with .Values.image }}{apiVersion: v1, kind: Pod, metadata: {name: more}, spec: {containers: [{name: a, image: "{{ .repository }}:{{ .tag }}"}]}}{{ end }}`

// keptRun brings the sources of a site in, and gives the options of any later command.
func (a *archivedSite) keptRun(t *testing.T) Options {
	t.Helper()
	o := a.options(t)
	first := archivedRun(t, o)
	require.NoError(t, first.takeSources(t.Context()))
	require.NoError(t, first.close())
	o.Archive = ArchiveOptions{}
	return o
}

// forget changes what is known of the archive in a work directory.
func forget(t *testing.T, o Options, change func(*archive.Contents)) {
	t.Helper()
	path := filepath.Join(o.WorkDir, workdir.ArchiveFile)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept usedArchive
	require.NoError(t, json.Unmarshal(data, &kept))
	change(&kept.Contents)
	data, err = json.Marshal(kept)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func stale(t *testing.T, o Options, whats ...string) {
	t.Helper()
	b := archivedRun(t, o)
	err := b.takeSources(t.Context())
	require.ErrorAs(t, err, new(*StaleArchiveError))
	for _, want := range whats {
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, b.close())
}

func (a *archivedSite) isHeldAgainstTheSiteLater(t *testing.T) {
	o := a.keptRun(t)
	later := archivedRun(t, o)
	require.NoError(t, later.checkArchive(t.Context(), true))
	require.NoError(t, later.close())

	newer := o
	newer.ControllerImage = "ghcr.io/cozystack/cozy-install/cozy-controller:v9"
	stale(t, newer, "it has no image "+newer.ControllerImage+", for "+controllerPackage)
	work := Work{pulls: true}
	run := archivedRun(t, newer)
	require.NoError(t, work.sources(t.Context(), run), "machines do not pull it for this")
	require.NoError(t, run.close())

	changed, versions := *a.site, *a.site.Talos
	versions.Version, changed.Kubernetes.Version = "v1.13.77", "v1.34.0"
	changed.Talos = &versions
	other := o
	other.Site = &changed
	stale(t, other, `and the site has "v1.13.77"`, `and the site has "v1.34.0"`)
	run = archivedRun(t, other)
	require.ErrorAs(t, work.sources(t.Context(), run), new(*StaleArchiveError), "so is it for an upgrade")
	require.NoError(t, run.close())

	valued := *a.site
	valued.Packages.Values = map[string]map[string]any{"metrics-server": {"image": map[string]any{"repository": "example.org/more", "tag": "v1"}}}
	other.Site = &valued
	stale(t, other, "it has no image example.org/more:v1, for metrics-server")

	var made, lost string
	forget(t, o, func(c *archive.Contents) {
		for _, p := range later.plan.Packages {
			if made == "" && len(p.Chart.Manifests) > 0 {
				made = p.Chart.Name
			}
			if lost == "" && p.Chart.Embedded == "" && len(p.Images) > 0 {
				image, err := archive.ParseImage(p.Images[0])
				require.NoError(t, err)
				lost = image.String()
			}
		}
		require.NotEmpty(t, made, "no package is made of manifests")
		c.Charts = slices.DeleteFunc(c.Charts, func(one archive.SavedChart) bool { return one.Name == made })
		c.Images = slices.DeleteFunc(c.Images, func(one archive.SavedImage) bool { return one.Name == lost })
	})
	stale(t, o, "it has no chart "+made, "it has no image "+lost)
	later = archivedRun(t, o)
	o.ChartSource = "http://charts.example.org"
	elsewhere := archivedRun(t, o)
	lacks, err := elsewhere.archivedCharts(t.Context(), elsewhere.opts.archived, imageList{})
	require.NoError(t, err)
	require.Empty(t, lacks, "charts come from another source")
	require.NoError(t, elsewhere.close())
	require.NoError(t, later.close())
}

func (a *archivedSite) takesTheImageOfNewerPrograms(t *testing.T) {
	o := a.keptRun(t)
	forget(t, o, func(c *archive.Contents) { c.Program = "v0.0.0" })
	o.ControllerBinaries.Dir = standInController(t)
	later := archivedRun(t, o)
	require.NotNil(t, later.opts.made)
	require.NoError(t, later.takeSources(t.Context()), "nobody else serves the registry")
	require.NoError(t, archive.Holds(t.Context(), a.site.Registries.Bastion.Address, []archive.Root{later.opts.made.Root()}))
	require.NoError(t, later.close())
}

// servedElsewhere serves a store at the bastion's address until the returned function is called.
func (a *archivedSite) servedElsewhere(t *testing.T, dir string) (stop func()) {
	t.Helper()
	store, err := archive.OpenStore(t.Context(), dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	b := &bringup{site: a.site, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, b.serveStore(t.Context(), store, a.site.Registries.Bastion.Address))
	return func() { require.NoError(t, b.registry()) }
}

func (a *archivedSite) isNotKeptWhereTheRegistryLacksIt(t *testing.T) {
	defer a.servedElsewhere(t, t.TempDir())()
	o := a.options(t)
	b := archivedRun(t, o)
	require.ErrorAs(t, b.takeSources(t.Context()), new(*archive.AbsentError))
	require.NoFileExists(t, filepath.Join(o.WorkDir, workdir.ArchiveFile), "a later run would believe that it is there")
	require.NoError(t, b.close())
}

func (a *archivedSite) isNotStoredTwice(t *testing.T) {
	stop := a.servedElsewhere(t, filepath.Join(a.keptRun(t).WorkDir, registryDir))
	o := a.options(t)
	b := archivedRun(t, o)
	require.NoError(t, b.takeSources(t.Context()))
	require.NoDirExists(t, filepath.Join(o.WorkDir, registryDir))
	_, err := b.bootAssets(t.Context(), func(string) {})
	require.NoError(t, err, "they are unpacked all the same")
	require.NoError(t, b.close())
	stop()

	o.Archive = ArchiveOptions{}
	later := archivedRun(t, o)
	var silent *SilentRegistryError
	require.ErrorAs(t, later.takeSources(t.Context()), &silent)
	require.NotContains(t, silent.Hint(), "--store")
	require.NoError(t, later.close())
}

func (a *archivedSite) saysWhatIsGone(t *testing.T) {
	o := a.keptRun(t)
	require.NoError(t, os.RemoveAll(filepath.Join(o.WorkDir, registryDir)))
	require.NoError(t, os.RemoveAll(filepath.Join(o.WorkDir, archiveAssetsDir)))
	b := archivedRun(t, o)
	var lost *LostStoreError
	require.ErrorAs(t, b.takeSources(t.Context()), &lost)
	require.True(t, strings.HasPrefix(lost.Hint(), "cozy-install up --archive "+a.file+";"), lost.Hint())
	require.ErrorAs(t, Work{pulls: true}.sources(t.Context(), b), &lost, "nor do machines find anything")
	require.NoError(t, Work{}.sources(t.Context(), b), "a change that pulls nothing does not ask")
	_, err := b.bootAssets(t.Context(), func(string) {})
	var gone *LostAssetsError
	require.ErrorAs(t, err, &gone)
	require.Equal(t, "cozy-install up --archive "+a.file, gone.Hint())
	online := Work{pulls: true}
	b.opts.Archive.Online = true
	require.NoError(t, online.sources(t.Context(), b))
	require.NoFileExists(t, filepath.Join(o.WorkDir, workdir.ArchiveFile), "--online forgets it")
	require.NoError(t, b.close())
}

func TestAKeptArchiveWithoutABastionSaysWhatToWrite(t *testing.T) {
	hint := (&KeptArchiveError{Path: "archive.json", Err: &NoBastionError{}}).Hint()
	require.Contains(t, hint, "add registries: {bastion:")
	require.NotContains(t, hint, "--archive FILE")
}
