// SPDX-License-Identifier: Apache-2.0

package site

import (
	"regexp"
	"slices"
	"strings"
)

// Unused names the fields that the site file sets although the stage behind them is not built yet, in the file's order
// and without list indexes: access. Empty for a site that was not read from a file.
func (s *Site) Unused() []string {
	var unused []string
	add := func(field string) {
		if !slices.Contains(unused, field) {
			unused = append(unused, field)
		}
	}
	index := regexp.MustCompile(`\[\d+\]`)
	for _, path := range s.given {
		path = index.ReplaceAllString(path, "[]")
		for _, field := range unbuilt() {
			if path == field || strings.HasPrefix(path, field+".") || strings.HasPrefix(path, field+"[") {
				add(field)
			}
		}
	}
	return unused
}

// unbuilt lists the fields whose stage is not built yet. A field leaves this list with the commit that builds its stage.
func unbuilt() []string {
	return []string{
		"exposure.hostPort", // the ingress has no such way so far
		"access", "backup",
	}
}
