// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shipped resolves every bundle that the program comes with, everything optional enabled.
func shipped(t *testing.T) []*Plan {
	t.Helper()
	catalog := load(t, Data())
	var out []*Plan
	for _, name := range catalog.Bundles() {
		s, _ := catalog.Bundle(name)
		choices := Choices{Facts: facts(), Charts: charts(t), Enable: s.Optional()}
		plan, err := Resolve(catalog, name, choices)
		require.NoError(t, err)
		out = append(out, plan)
	}
	return out
}

// TestOurChartsAreWhatTheirPackagesSay renders each with the values of every bundle, and compares images, CRDs and what pods
// do with the host.
func TestOurChartsAreWhatTheirPackagesSay(t *testing.T) {
	for _, plan := range shipped(t) {
		ours := *plan
		ours.Packages = slices.DeleteFunc(slices.Clone(plan.Packages), func(p Package) bool { return p.Chart.Embedded == "" })
		for _, v := range verified(t, NewShelf(charts(t), nil), &ours) {
			require.Equal(t, Verdict{Bundle: plan.Bundle, Package: v.Package, State: VerifiedRendered}, v)
		}
	}
}

// TestValuesOfEveryUpstreamChartAreKnown: a chart of which nothing is known takes any key, and ignores what is misspelt.
func TestValuesOfEveryUpstreamChartAreKnown(t *testing.T) {
	catalog := load(t, Data())
	for _, name := range sortedKeys(catalog.packages) {
		if chart := catalog.packages[name].Chart; chart.Repository != "" {
			require.NotNil(t, catalog.known(chart), "charts/%s.yaml has no values of version %s", chart.Name, chart.Version)
		}
	}
}

func TestEveryNamespaceOfAPlanIsASystemNamespace(t *testing.T) {
	for _, plan := range shipped(t) {
		labels := namespaceLabels(plan)
		require.Contains(t, labels, ChartsNamespace)
		for _, p := range plan.Packages {
			require.Equal(t, "true", labels[p.Namespace]["cozystack.io/system"], p.Name)
			// Manifests say their namespaces themselves.
			fixed := slices.Contains([]string{"kube-system", "kubevirt", "cdi"}, p.Namespace)
			require.True(t, fixed || strings.HasPrefix(p.Namespace, "cozy-"), p.Name)
		}
	}
}

// TestFluxIsTheOneWeAreBuiltAgainst: the types we compile with, the controllers the lab runs, and those the package
// installs are of one version.
func TestFluxIsTheOneWeAreBuiltAgainst(t *testing.T) {
	flux, ok := load(t, Data()).Package("flux")
	require.True(t, ok)
	for module, value := range map[string]string{
		"github.com/fluxcd/source-controller": "sourceController", "github.com/fluxcd/helm-controller": "helmController",
	} {
		tag, _ := lookup(flux.Values, []string{value, "tag"})
		require.Equal(t, tag, required(t, "../go.mod", module+"/api"), module)
		require.Equal(t, tag, required(t, "../lab/tools/flux/go.mod", module), module)
		image := strings.Replace(module, "github.com", "ghcr.io", 1) + ":" + tag.(string)
		require.Contains(t, flux.Images, image)
	}
}

// required is the version of a module in a go.mod file.
func required(t *testing.T, file, module string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	match := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(raw)
	require.NotNil(t, match, "%s does not require %s", file, module)
	return string(match[1])
}

// found lists what the pattern's group matches, sorted, each once.
func found(text, pattern string) []string {
	var out []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		out = append(out, match[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}
