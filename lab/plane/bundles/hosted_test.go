// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/standin"
)

// labImage is never pulled: the pods of the lab are played.
const labImage = "lab.invalid/cozy-controller:lab"

const hostedSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: distro-hosted
cluster: {kubeconfig: %s}
`

// TestUpOnAnExistingClusterEndsWithTheBundle: an existing cluster, its own Flux, and a bundle on it, by `up` as a whole; then the same
// without one of its packages.
func TestUpOnAnExistingClusterEndsWithTheBundle(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	kubeconfig := w.plane.Kubeconfig()
	more, err := site.Parse("site.yaml", fmt.Appendf(nil, hostedSite+"packages: {enable: [external-dns]}\n", kubeconfig))
	require.NoError(t, err)
	s, err := site.Parse("site.yaml", fmt.Appendf(nil, hostedSite, kubeconfig))
	require.NoError(t, err)
	plan, err := bootstrap.ResolveBundle(more, "")
	require.NoError(t, err)
	repository, err := standin.Repository(t.Context(), plan, w.shelf.charts, nil)
	require.NoError(t, err)
	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)

	options := bootstrap.Options{Site: more, WorkDir: t.TempDir(), ChartSource: server.URL, ControllerImage: labImage}
	out, err := bootstrap.Up(t.Context(), options)
	require.NoError(t, err)
	require.True(t, out.Complete)
	require.Equal(t, []string{"cluster", "core", "packages"}, phaseIDs(out))
	status, err := bootstrap.Look(t.Context(), options)
	require.NoError(t, err)
	require.True(t, status.Healthy, "%+v", status)
	require.Empty(t, status.Nodes, "they are somebody else's")
	require.Nil(t, status.Root)
	w.fluxIsRespected(t)

	options.Site = s
	diffs, err := bootstrap.DiffBundle(t.Context(), options)
	require.NoError(t, err)
	require.Len(t, diffs, 1)
	require.Equal(t, "external-dns", diffs[0].Package)
	out, err = bootstrap.Up(t.Context(), options)
	require.NoError(t, err)
	require.True(t, out.Complete, "and what the site file has no more is removed")
	diffs, err = bootstrap.DiffBundle(t.Context(), options)
	require.NoError(t, err)
	require.Empty(t, diffs)
	seen, err := bootstrap.LookAtBundle(t.Context(), options)
	require.NoError(t, err)
	require.True(t, seen.Healthy, "%+v", seen)
	require.NotContains(t, packageRows(seen), "external-dns")
	require.Contains(t, packageRows(seen), "cert-manager")

	entries, err := os.ReadDir(options.WorkDir)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NotContains(t, entry.Name(), "secrets", "a hosted site has none")
	}
}

func packageRows(s bootstrap.BundleStatus) []string {
	names := make([]string, len(s.Packages))
	for i, p := range s.Packages {
		names[i] = p.Name
	}
	return names
}

func phaseIDs(out bootstrap.Outcome) []string {
	ids := make([]string, len(out.Phases))
	for i, p := range out.Phases {
		ids[i] = p.ID
	}
	return ids
}
