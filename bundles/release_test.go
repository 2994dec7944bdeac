// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// planOf resolves bundle b of these packages; the first is the core.
func planOf(t *testing.T, core string, packages ...string) *Plan {
	t.Helper()
	var members []string
	files := tree("", packages...)
	for _, text := range packages {
		var p Package
		require.NoError(t, yaml.Unmarshal([]byte(text), &p))
		members = append(members, p.Name)
	}
	files["sets/b.yaml"].Data = []byte(set(core, members...))
	plan, err := Resolve(load(t, files), "b", Choices{Charts: anyCharts{}})
	require.NoError(t, err)
	return plan
}

// anyCharts has every chart, without a schema.
type anyCharts struct{}

func (anyCharts) Version(string) (string, error) { return "1.0.0+01234567", nil }
func (anyCharts) Values(string) ([]byte, error)  { return nil, nil }
func (anyCharts) Schema(string) ([]byte, error)  { return nil, nil }
func (anyCharts) Archive(string) ([]byte, error) { return nil, nil }

func (anyCharts) Pack(map[string][]byte) ([]byte, error) { return nil, nil }

func TestHelmReleasesAreAsRecorded(t *testing.T) {
	plan := planOf(t, "a", pkg("a"), pkg("c", "values: {x: 1}", "release: sea"),
		"name: d\ntitle: T\nnamespace: cozy-c\nchart: {repository: https://example.org/charts, name: dee, version: 1.2.3}\n"+
			"dependsOn: [a, c]\nhealth: {timeout: 90s}\nstateful: true\n",
		"name: e\ntitle: T\nnamespace: cozy-e\nchart: {repository: 'oci://example.org/charts', name: e, version: 1.2.3}\n",
		"name: f\ntitle: T\nnamespace: f\nchart: {manifests: [{url: 'https://example.org/f.yaml'}], name: f, version: 1.2.3}\n")
	var got []byte
	for _, p := range plan.Packages[len(plan.Core):] {
		release, err := helmRelease(plan, p)
		require.NoError(t, err)
		object, err := toApply(release)
		require.NoError(t, err)
		text, err := yaml.Marshal(object.Object)
		require.NoError(t, err)
		got = append(append(got, "---\n"...), text...)
	}
	for _, repository := range helmRepositories(plan.Packages[len(plan.Core):], "http://x/charts") {
		object, err := toApply(repository)
		require.NoError(t, err)
		text, err := yaml.Marshal(object.Object)
		require.NoError(t, err)
		got = append(append(got, "---\n"...), text...)
	}
	const golden = "testdata/releases.yaml"
	if *update {
		require.NoError(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAChartWithoutVersionIsRefused(t *testing.T) {
	_, err := helmRelease(&Plan{}, Package{Name: "a", Chart: Chart{Embedded: "a"}})
	require.ErrorContains(t, err, "has no version")
}

func TestNothingIsRepairedByUninstalling(t *testing.T) {
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			release, err := helmRelease(plan, p)
			require.NoError(t, err)
			require.Nil(t, release.Spec.Install.Remediation, p.Name)
			require.Nil(t, release.Spec.Upgrade.Remediation, p.Name)
			require.Equal(t, "RetryOnFailure", release.Spec.Install.Strategy.Name, p.Name)
			require.Equal(t, "RetryOnFailure", release.Spec.Upgrade.Strategy.Name, p.Name)
			require.False(t, release.Spec.Upgrade.CleanupOnFail, p.Name)
			require.False(t, release.Spec.Upgrade.Force, p.Name)
		}
	}
}

func TestRepositoryIsReadAgainWhenAVersionChanges(t *testing.T) {
	p := Package{Chart: Chart{Embedded: "a", Version: "1.0.0+1"}}
	before := helmRepositories([]Package{p}, "u")[0]
	require.Equal(t, before, helmRepositories([]Package{p}, "u")[0])
	p.Chart.Version = "1.0.0+2"
	after := helmRepositories([]Package{p}, "u")[0]
	require.Equal(t, before.Spec, after.Spec)
	require.NotEqual(t, before.Annotations, after.Annotations)
}
