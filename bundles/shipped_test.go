// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
)

// shipped resolves every bundle that the program comes with, everything optional enabled.
func shipped(t *testing.T) []*Plan {
	t.Helper()
	catalog := load(t, Data())
	var out []*Plan
	for _, name := range catalog.Bundles() {
		s, _ := catalog.Bundle(name)
		choices := Choices{Facts: facts(), Charts: charts(t)}
		for _, member := range s.members() {
			if member.Optional {
				choices.Enable = append(choices.Enable, member.Name)
			}
		}
		plan, err := Resolve(catalog, name, choices)
		require.NoError(t, err)
		out = append(out, plan)
	}
	return out
}

// TestOurChartsAreWhatTheirPackagesSay renders each with the values of every bundle, and compares images and CRDs.
func TestOurChartsAreWhatTheirPackagesSay(t *testing.T) {
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			if p.Chart.Embedded == "" {
				continue
			}
			manifest := render(t, p)
			require.Equal(t, slices.Sorted(slices.Values(p.Images)), found(manifest, `(?m)^\s*(?:- )?image:\s*"?([^"\s]+)"?\s*$`), p.Name)
			var crds []string
			for document := range strings.SplitSeq(manifest, "\n---\n") {
				var object struct {
					Kind     string
					Metadata struct{ Name string }
				}
				require.NoError(t, yaml.Unmarshal([]byte(document), &object))
				if object.Kind == "CustomResourceDefinition" {
					crds = append(crds, object.Metadata.Name)
				}
			}
			var provided []string
			for _, crd := range p.Provides {
				if crd.From == FromChart {
					provided = append(provided, crd.Name)
				}
			}
			require.ElementsMatch(t, provided, crds, p.Name)
		}
	}
}

// TestPodsOnTheHostHaveAPrivilegedNamespace: Pod Security would refuse them, and nothing would say so but events.
func TestPodsOnTheHostHaveAPrivilegedNamespace(t *testing.T) {
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			if p.Chart.Embedded == "" {
				continue
			}
			if manifest := render(t, p); strings.Contains(manifest, "hostNetwork: true") || strings.Contains(manifest, "hostPath:") {
				require.True(t, p.Privileged, p.Name)
				require.Equal(t, "privileged", namespaceLabels(plan)[p.Namespace]["pod-security.kubernetes.io/enforce"], p.Name)
			}
		}
	}
}

func TestEveryNamespaceOfAPlanIsASystemNamespace(t *testing.T) {
	for _, plan := range shipped(t) {
		labels := namespaceLabels(plan)
		require.Contains(t, labels, ChartsNamespace)
		for _, p := range plan.Packages {
			require.Equal(t, "true", labels[p.Namespace]["cozystack.io/system"], p.Name)
			require.True(t, strings.HasPrefix(p.Namespace, "cozy-"), p.Name)
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

func render(t *testing.T, p Package) string {
	t.Helper()
	archive, err := charts(t).Archive(p.Chart.Embedded)
	require.NoError(t, err)
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)
	require.Equal(t, p.Chart.Version, loaded.Metadata.Version)
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = p.Release, p.Namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	release, err := install.Run(loaded, p.Values)
	require.NoError(t, err, p.Name)
	return release.Manifest
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
