// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"maps"
	"strings"
)

const takesNoValues = "the package is made of an upstream's plain manifests, which take no values"

// valuesOf are the values a package is installed with, from all who have a say, checked against the chart's schema if it
// is one of ours. What is wrong is reported where it was written.
func valuesOf(p *Package, s *Set, known *KnownChart, selected map[string]bool, choices Choices, found *Problems) map[string]any {
	values := merge(nil, p.Values)
	values = merge(values, p.ValuesByPlatform[s.Platform])
	values = merge(values, p.ValuesByBundle[s.Name])
	for _, other := range sortedKeys(p.With) {
		if selected[other] {
			values = merge(values, p.With[other].Values)
		}
	}
	for _, path := range sortedKeys(p.FromSite) {
		keys := splitPath(path)
		if fact, ok := choices.Facts[p.FromSite[path]]; ok {
			values = merge(values, nest(keys, fact))
		} else if _, ok := lookup(values, keys); !ok {
			found.add(packageFile(p.Name), "fromSite."+path, p.FromSite[path], "the site does not say it, and there is no other value")
		}
	}
	values = merge(values, choices.Values[p.Name])
	if len(p.Chart.Manifests) > 0 && len(choices.Values[p.Name]) > 0 {
		found.add("", "packages.values."+p.Name, nil, takesNoValues)
	}
	if known != nil {
		known.check(choices.Values[p.Name], func(path []string, rule string) {
			found.add("", "packages.values."+p.Name+"."+strings.Join(path, "."), nil, "%s", rule)
		})
	}
	if p.Chart.Embedded != "" && choices.Charts != nil {
		checkValues(p, values, choices, found)
	}
	return values
}

// merge returns base with over on top: maps are merged key by key, everything else is replaced. A null stays, since it is
// how a chart's default is taken away. Neither is changed.
func merge(base, over map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	for key, value := range over {
		inner, isMap := value.(map[string]any)
		if !isMap {
			out[key] = value
			continue
		}
		old, _ := out[key].(map[string]any)
		out[key] = merge(old, inner)
	}
	return out
}

// nest puts value at the end of a path of keys: [a b], 1 -> {a: {b: 1}}.
func nest(keys []string, value any) map[string]any {
	if len(keys) == 1 {
		return map[string]any{keys[0]: value}
	}
	return map[string]any{keys[0]: nest(keys[1:], value)}
}

func lookup(values map[string]any, keys []string) (any, bool) {
	var at any = values
	for _, key := range keys {
		inner, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = inner[key]; !ok {
			return nil, false
		}
	}
	return at, true
}
