// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one broken rule.
type Problem struct {
	File  string // packages/cilium.yaml; empty for an operator's choice
	Path  string // dependsOn[0]
	Value any    // as it was written; nil: the rule says it all
	Rule  string // what is wrong with it, and what would be right
}

func (p Problem) String() string {
	var out strings.Builder
	if p.File != "" {
		out.WriteString(p.File + ": ")
	}
	if p.Path != "" {
		out.WriteString(p.Path + ": ")
	}
	switch value := p.Value.(type) {
	case nil:
	case string:
		fmt.Fprintf(&out, "%q: ", value)
	default:
		fmt.Fprintf(&out, "%v: ", value)
	}
	out.WriteString(p.Rule)
	return out.String()
}

// Problems is an error that lists every broken rule at once, ordered by file and then as found.
type Problems struct {
	Problems []Problem
}

func (p *Problems) Error() string {
	lines := make([]string, len(p.Problems))
	for i, problem := range p.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(file, path string, value any, rule string, args ...any) {
	p.Problems = append(p.Problems, Problem{File: file, Path: path, Value: value, Rule: fmt.Sprintf(rule, args...)})
}

// err is nil when nothing was found.
func (p *Problems) err() error {
	if len(p.Problems) == 0 {
		return nil
	}
	slices.SortStableFunc(p.Problems, func(a, b Problem) int { return cmp.Compare(a.File, b.File) })
	return p
}

// didYouMean is " (did you mean X?)" for the known word nearest to word, or nothing if none is near.
func didYouMean(word string, known []string) string {
	best, distance := "", len(word)/2+1 // half of the letters wrong is no typing mistake any more
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is Levenshtein's: how many bytes to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
