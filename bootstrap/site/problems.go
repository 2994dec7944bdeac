// SPDX-License-Identifier: Apache-2.0

package site

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one broken rule of a site file.
type Problem struct {
	// Path is the place in the file: nodes[2].mac. Empty: the file as a whole.
	Path string `json:"path,omitempty"`
	// Value is what stands there, shortened and without passwords. Empty: nothing does.
	Value string `json:"value,omitempty"`
	// Rule says what is wrong: "not a hardware address".
	Rule string `json:"rule"`
	// Line and Column count from 1. Zero: the site did not come from a file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Hint is a next step in the operator's words. Empty: the rule says it all.
	Hint string `json:"hint,omitempty"`
}

// String is the problem in one line, without its position and hint: `nodes[2].mac: "52:54:00:zz": not a hardware address`.
func (p Problem) String() string {
	text := p.Rule
	if p.Value != "" {
		text = fmt.Sprintf("%q: %s", p.Value, text)
	}
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	return text
}

// Problems is everything that is wrong with a site file, in the file's order. It is never empty.
type Problems struct {
	File string // as given to Parse
	List []Problem
}

// shownProblems bounds what Error prints: a wrong kind of file can hold thousands of unknown keys.
const shownProblems = 50

// Error is one line for each problem, as compilers write them, with hints indented below.
func (p *Problems) Error() string {
	var text strings.Builder
	noun := "problems"
	if len(p.List) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&text, "%d %s in the site file", len(p.List), noun)
	for i, problem := range p.List {
		if i == shownProblems {
			fmt.Fprintf(&text, "\n%s: and %d more", p.File, len(p.List)-i)
			break
		}
		text.WriteString("\n" + p.File + ":")
		if problem.Line > 0 {
			fmt.Fprintf(&text, "%d:%d:", problem.Line, problem.Column)
		}
		text.WriteString(" " + problem.String())
		if problem.Hint != "" {
			text.WriteString("\n    hint: " + problem.Hint)
		}
	}
	return text.String()
}

// shownValue bounds a value in a message: it must fit a line beside its rule.
const shownValue = 80

// show shortens a value for a message and takes the password out of a URL.
func show(value string) string {
	if strings.HasPrefix(strings.ToUpper(value), agePrivateKey) {
		return agePrivateKey + "..."
	}
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			value = scheme + "://..." + rest[at:]
		}
	}
	if runes := []rune(value); len(runes) > shownValue {
		return string(runes[:shownValue-3]) + "..."
	}
	return value
}

// sortProblems puts problems into the order of the file; those at one position stay as they were found.
func sortProblems(list []Problem) {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
