// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"strings"
)

// RemoveError says which package a removal ended at.
type RemoveError struct {
	Package string
	ByFlux  bool     // it was Flux that took it away; false: this program did, with Helm
	Left    []string // packages that would have gone after it. Empty: it was the last
	Err     error
}

func (e *RemoveError) Error() string { return fmt.Sprintf("remove package %s: %v", e.Package, e.Err) }

// Unwrap gives what the removal ended with.
func (e *RemoveError) Unwrap() error { return e.Err }

// Interrupted says what goes on without us, and what was not begun.
func (e *RemoveError) Interrupted() string {
	out := []string{e.Package + " may be half removed"}
	if e.ByFlux {
		out[0] = "Flux goes on in the cluster with the removal of " + e.Package
	}
	if len(e.Left) > 0 {
		out = append(out, "not begun: "+strings.Join(e.Left, ", "))
	}
	return strings.Join(append(out, goOn), "\n")
}

func leavingNames(packages []Leaving) []string {
	var out []string
	for _, one := range packages {
		out = append(out, one.Name)
	}
	return out
}
