// SPDX-License-Identifier: Apache-2.0

package bundles

import "fmt"

// RacedError says that somebody else has made a revision of a release while this run was about to.
type RacedError struct {
	Release string // namespace/name
	Err     error
}

func (e *RacedError) Error() string {
	return fmt.Sprintf("helm release %s: another installer is at work on it: %v", e.Release, e.Err)
}

// Unwrap gives what Helm says.
func (e *RacedError) Unwrap() error { return e.Err }

// Hint says how two of them come about: a work directory is locked.
func (e *RacedError) Hint() string {
	return "wait until it ends and run this again; it is somebody with helm, or a cozy-install with another work directory, of which a " +
		"site has one"
}
