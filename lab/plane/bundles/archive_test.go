// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/standin"
)

// TestUpFromAnArchiveNeedsNoOtherPlace: the archive is made from stand-in charts and made-up images, whose servers are gone when
// it is used. Flux itself gets its charts from the bastion's registry.
func TestUpFromAnArchiveNeedsNoOtherPlace(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	kubeconfig := w.plane.Kubeconfig()
	bastion := freeAddress(t)
	s, err := site.Parse("site.yaml", fmt.Appendf(nil, hostedSite+"registries: {bastion: {address: %q}}\n", kubeconfig, bastion))
	require.NoError(t, err)
	options := bootstrap.Options{
		Site: s, WorkDir: t.TempDir(), ControllerImage: labImage,
		Archive: bootstrap.ArchiveOptions{File: w.saved(t, s), Unsigned: true},
	}

	out, err := bootstrap.Up(t.Context(), options)
	require.NoError(t, err)
	require.True(t, out.Complete)

	repositories := schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"}
	list, err := w.dynamic.Resource(repositories).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	urls := map[any]bool{}
	for _, one := range list.Items {
		urls[one.Object["spec"].(map[string]any)["url"]] = true
	}
	require.Equal(t, map[any]bool{"oci://" + bastion + "/charts": true, bundles.DefaultChartsURL: true}, urls)
}

// saved makes an archive of a site, from a chart repository and a registry that end with it.
func (w *world) saved(t *testing.T, s *site.Site) string {
	t.Helper()
	plan, err := bootstrap.ResolveBundle(s, labImage)
	require.NoError(t, err)
	charts, err := standin.Repository(t.Context(), plan, w.shelf.charts, nil)
	require.NoError(t, err)
	chartServer := httptest.NewServer(charts)
	defer chartServer.Close()
	images := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()
	o := bootstrap.SaveOptions{
		Options:     bootstrap.Options{Site: s, WorkDir: t.TempDir(), ChartSource: chartServer.URL, ControllerImage: labImage},
		File:        filepath.Join(t.TempDir(), "saved.tar"),
		ImageSource: strings.TrimPrefix(images.URL, "http://"),
	}
	_, err = bootstrap.SaveBundle(t.Context(), o)
	var missing *archive.IncompleteError
	require.ErrorAs(t, err, &missing, "no image is there yet, and each is told")
	require.NoError(t, standin.PushImages(t.Context(), o.ImageSource, missing))
	_, err = bootstrap.SaveBundle(t.Context(), o)
	require.NoError(t, err)
	return o.File
}

// freeAddress is one where nothing listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
