// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

func ours(t *testing.T) *manifests.Repository {
	t.Helper()
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	return own
}

func upstream() *bundles.Plan {
	return &bundles.Plan{Packages: []bundles.Package{
		{Name: "ours", Chart: bundles.Chart{Embedded: "flannel"}},
		{
			Name: "operator", Namespace: "cozy-operator", Release: "operator",
			Chart: bundles.Chart{Repository: "https://example.org", Name: "operator-chart", Version: "v1.2.3"},
			Provides: []bundles.CRD{
				{Name: "things.example.org", From: bundles.FromChart}, {Name: "others.example.org", From: bundles.FromRuntime},
			},
		},
		{
			Name: "user", Namespace: "cozy-user", Release: "user", Needs: []string{"things.example.org"},
			Chart: bundles.Chart{Manifests: []bundles.Manifest{{URL: "https://example.org/x.yaml"}}, Name: "user", Version: "1.0.0"},
		},
	}}
}

func TestAStandInHasWhatThePackageSays(t *testing.T) {
	own := ours(t)
	known, err := kindsOf(own)
	require.NoError(t, err)
	plan := upstream()

	files, err := known.chart(plan.Packages[1], programOf(plan.Packages[1], false))
	require.NoError(t, err)
	require.Contains(t, string(files["Chart.yaml"]), "stand-in")
	require.Contains(t, string(files["templates/00.yaml"]), registers+": others.example.org")
	require.Contains(t, string(files["crds/things.example.org.yaml"]), "x-kubernetes-preserve-unknown-fields: true")
	require.NotContains(t, files, "crds/others.example.org.yaml")

	files, err = known.chart(plan.Packages[2], programOf(plan.Packages[2], false))
	require.NoError(t, err)
	require.Contains(t, string(files["templates/01.yaml"]), "apiVersion: example.org/v1\nkind: Things\n")
}

func TestARepositoryOfStandInsIsAChartSource(t *testing.T) {
	own, plan := ours(t), upstream()
	repository, err := Repository(plan, own, map[string]map[string]string{"user": {"templates/00.yaml": "a: b"}})
	require.NoError(t, err)
	server := httptest.NewServer(repository)
	defer server.Close()

	shelf := bundles.NewShelf(own, server.Client())
	require.NoError(t, shelf.Redirect(t.Context(), plan, server.URL))
	for _, p := range plan.Packages[1:] {
		require.Equal(t, server.URL, p.Chart.Repository)
		archive, err := shelf.Archive(t.Context(), p)
		require.NoError(t, err)
		text, err := unpacked(archive)
		require.NoError(t, err)
		require.Equal(t, p.Name == "user", strings.Contains(text, "a: b"), "the changed file of %s", p.Name)
	}
}

func TestKindsOfOurChartsKeepTheirVersions(t *testing.T) {
	known, err := kindsOf(ours(t))
	require.NoError(t, err)
	require.Equal(t, kind{name: "PriorityClass", versions: []string{"v1"}}, known["priorityclasses.scheduling.k8s.io"])
}
