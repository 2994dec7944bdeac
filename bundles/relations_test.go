// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const things = "things.example.org"

// related is a: core; c comes after d and has objects of d's kind where d is; d is optional; f needs its kind.
func related(t *testing.T) *Catalog {
	t.Helper()
	return load(t, tree(set("a", "a", "c", "d?", "e?"),
		pkg("a"), pkg("c", "after: [e]", "with: {d: {values: {monitor: true}, needs: ["+things+"]}}", "values: {monitor: false}"),
		pkg("d", "provides: [{name: "+things+", from: runtime}]"), pkg("e")))
}

func TestAnAdditionCountsOnlyWhereItsPackageIs(t *testing.T) {
	without, err := Resolve(related(t), "b", Choices{})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, names(without.Packages))
	require.Equal(t, map[string]any{"monitor": false}, without.Packages[1].Values)
	require.Empty(t, without.Packages[1].Needs)
	require.Empty(t, without.Packages[1].DependsOn)

	with, err := Resolve(related(t), "b", Choices{Enable: []string{"d", "e"}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "d", "e", "c"}, names(with.Packages))
	c := with.Packages[3]
	require.Equal(t, map[string]any{"monitor": true}, c.Values)
	require.Equal(t, []string{things}, c.Needs)
	require.Equal(t, []string{"d", "e"}, c.DependsOn, "later upgrades are ordered by it")
	require.Empty(t, c.After)
	require.Empty(t, c.With)
}

func TestTheOperatorsValuesWinOverAdditions(t *testing.T) {
	plan, err := Resolve(related(t), "b", Choices{
		Enable: []string{"d"}, Values: map[string]map[string]any{"c": {"monitor": "mine"}},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"monitor": "mine"}, plan.Packages[2].Values)
}

func TestAChoiceThatTakesAwayACRDIsRefused(t *testing.T) {
	catalog := load(t, tree(set("a", "a", "c", "d", "e"),
		pkg("a"), pkg("c", "provides: [{name: "+things+", from: chart}]"), pkg("d", "after: [c]"),
		pkg("e", "needs: ["+things+"]", "dependsOn: [d]")))
	_, err := Resolve(catalog, "b", Choices{Disable: []string{"c"}})
	require.Equal(t, []string{`packages: "e": needs things.example.org, which no package of the bundle brings`}, problems(t, err))
}

func TestPatchesAreThoseOfThePlatform(t *testing.T) {
	catalog := load(t, tree(set("a", "a"), pkg("a", `patches:
- {target: {kind: Deployment}, patch: "a: 1"}
- {target: {kind: Deployment}, platform: generic, patch: "a: 2"}
- {target: {kind: Deployment}, platform: talos, patch: "a: 3"}`)))
	plan, err := Resolve(catalog, "b", Choices{})
	require.NoError(t, err)
	require.Len(t, plan.Packages[0].Patches, 2)
	require.Equal(t, "a: 3", plan.Packages[0].Patches[1].Patch)
}

// upstream is a package whose chart is known.
func upstream(more string) fstest.MapFS {
	files := tree(set("a", "a"),
		"name: a\ntitle: T\nnamespace: x\nchart: {repository: https://x.org, name: chart, version: 1.2.3}\n"+more)
	files["charts/chart.yaml"] = &fstest.MapFile{Data: []byte(`
chart: chart
version: 1.2.3
subcharts: [sub]
values: {image.tag: string, nodeSelector: map, anything: "null", replicas: int, 'config.a\.conf': string}
undeclared: [extra.deep]
`)}
	return files
}

func TestValuesThatTheChartWouldIgnoreAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ values, want string }{
		"known":             {"values: {image: {tag: x}, nodeSelector: {any: {thing: 1}}, replicas: 2, config: {a.conf: x}}", ""},
		"free below null":   {"values: {anything: {a: {b: 1}}}", ""},
		"a subchart":        {"values: {sub: {a: 1}, global: {b: 2}}", ""},
		"undeclared":        {"values: {extra: {deep: {a: 1}}}", ""},
		"null takes away":   {"values: {image: null}", ""},
		"unknown":           {"values: {image: {tagg: x}}", `packages/a.yaml: values.image.tagg: the chart knows no such value (did you mean "tag"?)`},
		"unknown at top":    {"values: {replica: 1}", `values.replica: the chart knows no such value (did you mean "replicas"?)`},
		"a map for a leaf":  {"values: {image: {tag: {a: 1}}}", "values.image.tag: the chart wants a string here, not a map"},
		"a leaf for a map":  {"values: {image: x}", "values.image: the chart wants a map here"},
		"of a platform":     {"valuesByPlatform: {talos: {x: 1}}", "valuesByPlatform.talos.x: the chart knows no such value"},
		"of a bundle":       {"valuesByBundle: {b: {x: 1}}", "valuesByBundle.b.x: the chart knows no such value"},
		"a fact of no path": {"fromSite: {image.x: domain}", "fromSite.image.x: the chart knows no such value"},
		"an escaped path":   {"fromSite: {'config.a\\.conf': domain}", ""},
	} {
		catalog, err := Load(upstream(test.values))
		if test.want != "" {
			require.ErrorContains(t, err, test.want, name)
			continue
		}
		require.NoError(t, err, name)
		_, err = Resolve(catalog, "b", Choices{Facts: facts()})
		require.NoError(t, err, name)
	}
}

func TestChosenValuesThatTheChartWouldIgnoreAreRefused(t *testing.T) {
	_, err := Resolve(load(t, upstream("")), "b", Choices{Values: map[string]map[string]any{"a": {"image": map[string]any{"tagg": 1}}}})
	require.Equal(t, []string{`packages.values.a.image.tagg: the chart knows no such value (did you mean "tag"?)`}, problems(t, err))
}

func TestPlainManifestsTakeNoValues(t *testing.T) {
	const text = "name: a\ntitle: T\nnamespace: x\nchart: {manifests: [{url: 'https://x.org/a.yaml'}], name: a, version: 1.2.3}\n"
	_, err := Load(tree(set("a", "a"), text+"values: {x: 1}\n"))
	require.ErrorContains(t, err, "packages/a.yaml: values: "+takesNoValues)
	_, err = Resolve(load(t, tree(set("a", "a"), text)), "b", Choices{Values: map[string]map[string]any{"a": {"x": 1}}})
	require.Equal(t, []string{"packages.values.a: " + takesNoValues}, problems(t, err))
}

func TestNothingIsKnownOfAnotherVersion(t *testing.T) {
	files := upstream("values: {x: 1}")
	files["charts/chart.yaml"] = &fstest.MapFile{Data: []byte("chart: chart\nversion: 1.2.4\nvalues: {}\n")}
	load(t, files)
}
