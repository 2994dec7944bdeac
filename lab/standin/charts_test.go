// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

func ours(t *testing.T) *manifests.Repository {
	t.Helper()
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	return own
}

func upstream(t *testing.T, own *manifests.Repository) *bundles.Plan {
	t.Helper()
	version, err := own.Version("capi-providers")
	require.NoError(t, err)
	return &bundles.Plan{Packages: []bundles.Package{
		{Name: "ours", Namespace: "ours", Release: "ours", Chart: bundles.Chart{Embedded: "capi-providers", Version: version}},
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
	plan := upstream(t, own)
	known, err := kindsOf(t.Context(), plan, own)
	require.NoError(t, err)

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
	own := ours(t)
	plan := upstream(t, own)
	repository, err := Repository(t.Context(), plan, own, map[string]map[string]string{"user": {"templates/00.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: changed}\n"}})
	require.NoError(t, err)
	server := httptest.NewServer(repository)
	defer server.Close()

	shelf := bundles.NewShelf(own, server.Client())
	require.NoError(t, shelf.Redirect(t.Context(), plan, server.URL))
	for _, p := range plan.Packages[1:] {
		require.Equal(t, server.URL, p.Chart.Repository)
		archive, err := shelf.Archive(t.Context(), p)
		require.NoError(t, err)
		objects, err := bundles.Render(t.Context(), p, archive, kubernetesVersion)
		require.NoError(t, err)
		changed := slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetName() == "changed" })
		require.Equal(t, p.Name == "user", changed, "the changed file of %s", p.Name)
	}
}

func TestKindsOfOurChartsKeepTheirVersions(t *testing.T) {
	own := ours(t)
	known, err := kindsOf(t.Context(), upstream(t, own), own)
	require.NoError(t, err)
	require.Equal(t, kind{name: "CoreProvider", versions: []string{"v1alpha2"}}, known["coreproviders.operator.cluster.x-k8s.io"])
	require.Equal(t, kind{name: "BootstrapProvider", versions: []string{"v1alpha2"}},
		known["bootstrapproviders.operator.cluster.x-k8s.io"], "whose kind a template computes")
}
