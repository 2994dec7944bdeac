// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

// releases plays the places where Cluster API's providers are released. What it answers is made up: components have a program
// whose image, named after them, no package lists.
type releases struct{ asked *sync.Map }

func (r releases) RoundTrip(request *http.Request) (*http.Response, error) {
	url := request.URL.String()
	r.asked.Store(url, true)
	body := "apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3\nkind: Metadata\nreleaseSeries: []\n"
	if path.Base(url) != "metadata.yaml" {
		body = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: somewhere}\n" +
			"spec: {template: {spec: {containers: [{name: manager, image: registry.example.org/" + imageOf(url) + "}]}}}\n"
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
}

// imageOf is the image in the components at an address: https://host/org/provider/.../core-components.yaml ->
// provider/core-components:v1.
func imageOf(url string) string {
	return strings.Split(url, "/")[4] + "/" + strings.TrimSuffix(path.Base(url), ".yaml") + ":v1"
}

// TestComponentsOfClusterAPIAreInAnArchive: what its operator installs, and the images in that, come from the bastion alone.
func TestComponentsOfClusterAPIAreInAnArchive(t *testing.T) {
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	catalog, err := bundles.Load(bundles.Data())
	require.NoError(t, err)
	plan, web := &bundles.Plan{Bundle: site.PaaSFull}, releases{asked: &sync.Map{}}
	var addresses []string
	for _, one := range []string{"capi-components", "capi-components-kamaji", "capi-components-kubevirt"} {
		p, _ := catalog.Package(one)
		made := *p
		made.Chart.Manifests = nil
		for _, manifest := range p.Chart.Manifests {
			manifest.Digest = "" // the real one's
			made.Chart.Manifests = append(made.Chart.Manifests, manifest)
			addresses = append(addresses, manifest.URL)
		}
		plan.Packages = append(plan.Packages, made)
	}
	s := &site.Site{Bundle: site.PaaSFull}
	site.SetDefaults(s)
	b := &bringup{site: s, plan: plan, shelf: bundles.NewShelf(own, &http.Client{Transport: web})}
	saving := archive.Saving{
		Contents: archive.Contents{Bundle: plan.Bundle, Platforms: []string{"linux/amd64"}}, Cache: t.TempDir(),
	}
	images := imageList{}
	require.NoError(t, b.saveCharts(t.Context(), SaveOptions{Say: func(string) {}}, &saving, images))
	for _, url := range addresses {
		_, asked := web.asked.Load(url)
		require.True(t, asked, url)
		if path.Base(url) != "metadata.yaml" {
			require.Contains(t, images, "registry.example.org/"+imageOf(url))
		}
	}
	for _, p := range plan.Packages {
		for _, image := range p.Images {
			require.Contains(t, images, image)
		}
	}
	saving.Images = images.wanted()
	address := servedArchive(t, saving)

	offline := bundles.NewShelf(own, nil)
	require.NoError(t, offline.Redirect(t.Context(), plan, archive.ChartSource(address)))
	for i, p := range plan.Packages {
		require.Equal(t, archive.ChartSource(address), p.Chart.Repository)
		got, err := offline.Archive(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, saving.Charts[i].Archive, got, p.Name)
	}
	for image := range images {
		parsed, err := archive.ParseImage(image)
		require.NoError(t, err)
		reference, err := name.ParseReference(address + "/" + parsed.Repository() + ":" + parsed.Tag)
		require.NoError(t, err)
		_, err = remote.Image(reference)
		require.NoError(t, err, image)
	}
}

// servedArchive writes an archive with made-up images, and is the address of a registry that has nothing else.
func servedArchive(t *testing.T, saving archive.Saving) string {
	t.Helper()
	source := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer source.Close()
	saving.Source = strings.TrimPrefix(source.URL, "http://")
	file := filepath.Join(t.TempDir(), "saved.tar")
	_, err := archive.Save(t.Context(), saving, file)
	var missing *archive.IncompleteError
	require.ErrorAs(t, err, &missing)
	require.NoError(t, standin.PushImages(t.Context(), saving.Source, missing))
	_, err = archive.Save(t.Context(), saving, file)
	require.NoError(t, err)

	from, err := archive.Open(file, archive.Trust{Unsigned: true})
	require.NoError(t, err)
	defer from.Close()
	store, err := archive.OpenStore(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = store.Load(t.Context(), from, from.Roots(), nil)
	require.NoError(t, err)
	server := httptest.NewServer(archive.NewRegistry(t.Context(), store, nil, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
