// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestBundlesResolveAsRecorded(t *testing.T) {
	catalog := load(t, Data())
	for _, name := range catalog.Bundles() {
		plan, err := Resolve(catalog, name, Choices{Facts: facts(), Charts: charts(t)})
		require.NoError(t, err)
		for i := range plan.Packages {
			if plan.Packages[i].Chart.Embedded != "" {
				require.NotEmpty(t, plan.Packages[i].Chart.Version)
				plan.Packages[i].Chart.Version = "(of the chart)" // changes with every byte of it
			}
		}
		got, err := yaml.Marshal(plan)
		require.NoError(t, err)
		golden := filepath.Join("testdata", name+".yaml")
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

func TestEveryShippedBundleResolvesWithAndWithoutOptions(t *testing.T) {
	catalog := load(t, Data())
	for _, name := range catalog.Bundles() {
		s, _ := catalog.Bundle(name)
		for _, enable := range [][]string{nil, s.Optional()} {
			plan, err := Resolve(catalog, name, Choices{Enable: enable, Facts: facts(), Charts: charts(t)})
			require.NoError(t, err, name)
			require.NotEmpty(t, plan.Core, name)
		}
	}
}

func TestUnknownBundleIsNamed(t *testing.T) {
	_, err := Resolve(load(t, Data()), "pass-full", Choices{})
	require.ErrorContains(t, err, `bundle: "pass-full": no such bundle (did you mean "paas-full"?)`)
}

// choosable is a: core; c needs d; d needs e; f? needs g?; h alone.
func choosable(t *testing.T) *Catalog {
	t.Helper()
	return load(t, tree(set("a", "c", "d", "a", "e", "f?", "g?", "h"),
		pkg("a"), pkg("c", "dependsOn: [d]"), pkg("d", "dependsOn: [e]"), pkg("e"), pkg("f", "dependsOn: [g]"), pkg("g"), pkg("h")))
}

func TestChoicesDecideWhatIsInstalled(t *testing.T) {
	for name, test := range map[string]struct {
		enable, disable []string
		want            []string
	}{
		"defaults":              {nil, nil, []string{"a", "e", "d", "c", "h"}},
		"one off":               {nil, []string{"h"}, []string{"a", "e", "d", "c"}},
		"a whole branch off":    {nil, []string{"d", "c"}, []string{"a", "e", "h"}},
		"option with its need":  {[]string{"f", "g"}, nil, []string{"a", "e", "d", "c", "g", "f", "h"}},
		"option that is needed": {[]string{"g"}, nil, []string{"a", "e", "d", "c", "g", "h"}},
		"on by default anyway":  {[]string{"h"}, nil, []string{"a", "e", "d", "c", "h"}},
		"off by default anyway": {nil, []string{"g"}, []string{"a", "e", "d", "c", "h"}},
	} {
		plan, err := Resolve(choosable(t), "b", Choices{Enable: test.enable, Disable: test.disable})
		require.NoError(t, err, name)
		require.Equal(t, test.want, names(plan.Packages), name)
		require.Equal(t, []string{"a"}, plan.Core, name)
		require.Len(t, plan.Off, 7-len(test.want), name)
	}
}

func TestChoicesThatBreakTheBundleAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		choices Choices
		want    []string
	}{
		"needed, through a chain": {
			Choices{Disable: []string{"e"}},
			[]string{`packages.disable[0]: "e": is needed: c needs d needs e; disable that too, or keep it`},
		},
		"part of a branch": {
			Choices{Disable: []string{"h", "d"}},
			[]string{`packages.disable[1]: "d": is needed: c needs d; disable that too, or keep it`},
		},
		"core": {
			Choices{Disable: []string{"a"}},
			[]string{`packages.disable[0]: "a": belongs to the core of bundle b, which everything else is installed by`},
		},
		"option without its need": {
			Choices{Enable: []string{"f"}},
			[]string{`packages.enable[0]: "f": needs "g", which is optional too; enable both`},
		},
		"need of an option off": {
			Choices{Enable: []string{"f"}, Disable: []string{"g"}},
			[]string{`packages.disable[0]: "g": is needed: f needs g; disable that too, or keep it`},
		},
		"both":    {Choices{Enable: []string{"h"}, Disable: []string{"h"}}, []string{`packages.enable[0]: "h": disabled as well`}},
		"unknown": {Choices{Enable: []string{"x"}}, []string{`packages.enable[0]: "x": not a package of bundle b`}},
		"all at once": {
			Choices{Enable: []string{"hh"}, Disable: []string{"cc"}, Values: map[string]map[string]any{"g": {"x": 1}, "zzz": nil}},
			[]string{
				`packages.enable[0]: "hh": not a package of bundle b (did you mean "h"?)`,
				`packages.disable[0]: "cc": not a package of bundle b (did you mean "c"?)`,
				`packages.values.g: the package is not installed; enable it, or leave its values out`,
				`packages.values.zzz: not a package of bundle b`,
			},
		},
	} {
		_, err := Resolve(choosable(t), "b", test.choices)
		require.Equal(t, test.want, problems(t, err), name)
	}
}

func TestCoreIsTheClosureOfItsRoots(t *testing.T) {
	catalog := load(t, tree(set("cni, flux", "x", "crds", "cni", "flux", "z"),
		pkg("x"), pkg("crds"), pkg("cni", "dependsOn: [crds]"), pkg("flux"), pkg("z", "dependsOn: [cni, x]")))
	plan, err := Resolve(catalog, "b", Choices{})
	require.NoError(t, err)
	require.Equal(t, []string{"crds", "cni", "flux"}, plan.Core)
	require.Equal(t, []string{"crds", "cni", "flux", "x", "z"}, names(plan.Packages))
	require.True(t, plan.IsCore("crds"))
	require.False(t, plan.IsCore("x"))
	_, err = Resolve(catalog, "b", Choices{Disable: []string{"crds"}})
	require.ErrorContains(t, err, "belongs to the core")
}

func TestResolveDoesNotChangeTheCatalog(t *testing.T) {
	catalog := load(t, Data())
	before, err := json.Marshal(catalog.packages)
	require.NoError(t, err)
	_, err = Resolve(catalog, "paas-full", Choices{
		Facts: facts(), Charts: charts(t),
		Values: map[string]map[string]any{"cozy-controller": {"resources": map[string]any{"limits": map[string]any{"memory": "2Gi"}}}},
	})
	require.NoError(t, err)
	after, err := json.Marshal(catalog.packages)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
}

// TestOrderKeepsEveryDependency: over random bundles without circles, each package comes after all it needs, the core
// comes first and is closed, and the same bundle always gives the same order.
func TestOrderKeepsEveryDependency(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, 25).Draw(r, "size")
		order := rapid.Permutation(numbers(size)).Draw(r, "order") // in which the bundle lists them
		texts, members := []string{}, make([]string, size)
		for i := range size {
			needs := []string{}
			for j := range i { // only on earlier ones: no circle
				if rapid.IntRange(0, 3).Draw(r, "edge") == 0 {
					needs = append(needs, fmt.Sprintf("p%d", j))
				}
			}
			list, _ := json.Marshal(needs)
			texts = append(texts, pkg(fmt.Sprintf("p%d", i), "dependsOn: "+string(list)))
			members[order[i]] = fmt.Sprintf("p%d", i)
		}
		core := rapid.SampledFrom(members).Draw(r, "core")
		catalog, err := Load(tree(set(core, members...), texts...))
		require.NoError(r, err)
		plan, err := Resolve(catalog, "b", Choices{})
		require.NoError(r, err)
		again, err := Resolve(catalog, "b", Choices{})
		require.NoError(r, err)
		require.Equal(r, plan, again)

		listed := names(plan.Packages)
		require.Equal(r, slices.Sorted(slices.Values(members)), slices.Sorted(slices.Values(listed)))
		require.Equal(r, listed[:len(plan.Core)], plan.Core)
		require.Contains(r, plan.Core, core)
		for i, p := range plan.Packages {
			for _, needed := range p.DependsOn {
				require.Less(r, slices.Index(listed, needed), i, "%s before %s", needed, p.Name)
				if plan.IsCore(p.Name) {
					require.True(r, plan.IsCore(needed))
				}
			}
		}
	})
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
