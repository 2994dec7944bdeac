// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// checkDefaultsNeed checks what one package says of its defaults.
func checkDefaultsNeed(p *Package, catalog *Catalog, problem report) {
	for i, need := range p.DefaultsNeed {
		path := fmt.Sprintf("defaultsNeed[%d]", i)
		if _, known := catalog.packages[need.Package]; !known || need.Package == p.Name {
			problem(path+".package", need.Package, "not another package%s", didYouMean(need.Package, sortedKeys(catalog.packages)))
		}
		for j, bundle := range need.Bundles {
			if _, known := catalog.sets[bundle]; !known {
				problem(fmt.Sprintf("%s.bundles[%d]", path, j), bundle, "no such bundle%s", didYouMean(bundle, sortedKeys(catalog.sets)))
			}
		}
		if len(need.Values) == 0 {
			problem(path+".values", nil, "missing")
		}
		for j, value := range need.Values {
			at := fmt.Sprintf("%s.values[%d]", path, j)
			if keys := splitPath(value); slices.Contains(keys, "") {
				problem(at, value, "not the dotted path of a value")
			} else {
				checkKnown(p, catalog, at, nest(keys, nil), problem)
			}
		}
	}
}

// checkDefaults refuses packages whose defaults point to nothing, and says what to do.
func checkDefaults(catalog *Catalog, s *Set, selected map[string]bool, choices Choices, found *Problems) {
	for _, name := range sortedKeys(selected) {
		if !selected[name] {
			continue
		}
		for _, need := range catalog.packages[name].DefaultsNeed {
			elsewhere := len(need.Bundles) > 0 && !slices.Contains(need.Bundles, s.Name)
			chosen := slices.ContainsFunc(need.Values, func(path string) bool {
				_, is := lookup(choices.Values[name], splitPath(path))
				return is
			})
			if !elsewhere && !chosen && !selected[need.Package] {
				found.add("", "packages.values."+name, nil, "by default it uses what %s makes, which is not installed: enable that, or set %s here",
					need.Package, strings.Join(need.Values, " or "))
			}
		}
	}
}
