// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"strings"
)

// Refusal is a check of a package that does not let a node go.
type Refusal struct {
	Step    string // package: title
	Objects []string
	Hint    string
}

// RefusedStepsError says what keeps a node from going. Nothing was done.
type RefusedStepsError struct {
	Node    string
	Refused []Refusal
}

func (e *RefusedStepsError) Error() string {
	lines := make([]string, len(e.Refused))
	for i, one := range e.Refused {
		lines[i] = one.Step + ": " + strings.Join(one.Objects, ", ")
	}
	return fmt.Sprintf("nothing was done, because node %s can't go: %s", e.Node, strings.Join(lines, "; "))
}

// Hint says what to do about each.
func (e *RefusedStepsError) Hint() string {
	var hints []string
	seen := map[string]bool{}
	for _, one := range e.Refused {
		if !seen[one.Hint] {
			hints = append(hints, one.Hint)
		}
		seen[one.Hint] = true
	}
	return strings.Join(hints, "; ")
}

// UnendingStepError says that a step of a package did not come to its end. Running the command again goes on with it.
type UnendingStepError struct {
	Node string
	Err  error
	hint string
}

func (e *UnendingStepError) Error() string { return e.Err.Error() }
func (e *UnendingStepError) Unwrap() error { return e.Err }

// Hint is the package's own, and how to go on or back.
func (e *UnendingStepError) Hint() string {
	out := "run this again to go on; kubectl uncordon " + e.Node + " lets pods onto the node again"
	if e.hint != "" {
		out = e.hint + ". " + out
	}
	return out
}
