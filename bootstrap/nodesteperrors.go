// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bundles"
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
	for _, one := range e.Refused {
		if !slices.Contains(hints, one.Hint) {
			hints = append(hints, one.Hint)
		}
	}
	return strings.Join(hints, "; ")
}

// UnendingStepError says that a step of a package did not come to its end. Running the command again goes on with it.
type UnendingStepError struct {
	Node string
	Err  error
	hint string
	back string // how the removal is called off
}

// unending is the error of a step. done are the steps of its moment up to it, and itself.
func unending(node bundles.StepNode, done []nodeStep, step nodeStep, hint string, err error) *UnendingStepError {
	out := &UnendingStepError{Node: node.Name, Err: err, hint: hint}
	if step.When() == bundles.StepGone {
		out.back = "the node is wiped: to have it back, cozy-install node add " + node.Name + " when this is through"
		return out
	}
	out.back = "to call it off, kubectl uncordon " + node.Name
	for _, one := range done {
		for _, key := range slices.Sorted(maps.Keys(one.Label)) {
			out.back += "; kubectl label node " + node.Name + " " + key + "-"
		}
		if one.Exec != nil {
			out.back += "; " + one.Package + " may have let the node go, see docs/node-removal.md"
		}
	}
	return out
}

func (e *UnendingStepError) Error() string { return e.Err.Error() }
func (e *UnendingStepError) Unwrap() error { return e.Err }

// Hint is the package's own, and how to go on or back.
func (e *UnendingStepError) Hint() string {
	out := "run this again to go on; " + e.back
	if e.hint != "" {
		out = e.hint + ". " + out
	}
	return out
}
