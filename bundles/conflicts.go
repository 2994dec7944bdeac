// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// Alternatives lists the optional packages that take the place of others which are on unless disabled, in the bundle's order.
func (s *Set) Alternatives() []string { return slices.Clone(s.alternatives) }

func alternativesIn(s *Set, catalog *Catalog) []string {
	defaults := map[string]bool{}
	for _, member := range s.members() {
		defaults[member.Name] = !member.Optional
	}
	var out []string
	for _, member := range s.members() {
		if member.Optional && len(conflictsOf(catalog, defaults, member.Name)) > 0 {
			out = append(out, member.Name)
		}
	}
	return out
}

// conflictsOf lists the selected packages that exclude one another with the named one, whichever of the two says so, sorted.
func conflictsOf(catalog *Catalog, selected map[string]bool, name string) []string {
	var out []string
	for other, isSelected := range selected {
		if isSelected && (slices.Contains(catalog.packages[name].Conflicts, other) || slices.Contains(catalog.packages[other].Conflicts, name)) {
			out = append(out, other)
		}
	}
	slices.Sort(out)
	return out
}

// checkConflicts refuses packages that exclude one another, and says what to disable.
func checkConflicts(catalog *Catalog, selected map[string]bool, choices Choices, found *Problems) {
	for i, name := range choices.Enable {
		if others := conflictsOf(catalog, selected, name); len(others) > 0 {
			found.add("", fmt.Sprintf("packages.enable[%d]", i), name, "can't be installed beside %s: write packages.disable: [%s], or leave it out",
				strings.Join(others, " and "), strings.Join(others, ", "))
		}
	}
}
