// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"strings"
)

// checkSaid refuses what an operator said and no package of the plan takes: it would look as if it were done.
func checkSaid(catalog *Catalog, s *Set, packages []Package, choices Choices, found *Problems) {
	for _, fact := range sortedKeys(choices.Said) {
		if slices.ContainsFunc(packages, func(p Package) bool { return p.Takes(fact) }) {
			continue
		}
		var takers []string
		for _, member := range s.members() {
			if catalog.packages[member.Name].Takes(fact) {
				takers = append(takers, member.Name)
			}
		}
		rule := "nothing in bundle " + s.Name + " takes it; leave it out"
		if len(takers) > 0 {
			rule = "no package that is installed takes it; enable " + strings.Join(takers, " or ") + ", or leave it out"
		}
		found.add("", choices.Said[fact], nil, "%s", rule)
	}
}

// Takes reports whether one of the package's values comes from a fact.
func (p *Package) Takes(fact string) bool {
	for _, taken := range p.FromSite {
		if taken == fact {
			return true
		}
	}
	return false
}
