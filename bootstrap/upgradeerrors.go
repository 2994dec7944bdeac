// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cozystack/cozy-install/talos"
)

// AbsentNodesError names nodes that do not answer as members of the site, although they are to be changed or others are
// changed that rely on them.
type AbsentNodesError struct{ Nodes []string }

func (e *AbsentNodesError) Error() string {
	return "nodes that do not answer as the site's: " + strings.Join(e.Nodes, ", ")
}

// Hint says what to do with them.
func (e *AbsentNodesError) Hint() string {
	return "look at them with cozy-install status; a machine that will not come back is taken out with cozy-install node remove, or exchanged with cozy-install node replace"
}

// UnsteadyError says that a step was not begun because the site is not well enough to lose a node for a while.
type UnsteadyError struct{ Err error }

func (e *UnsteadyError) Error() string { return "the site is not well: " + e.Err.Error() }
func (e *UnsteadyError) Unwrap() error { return e.Err }

// Hint says what to do first.
func (e *UnsteadyError) Hint() string {
	var hinting interface{ Hint() string }
	if errors.As(e.Err, &hinting) {
		return "nothing was changed: " + hinting.Hint()
	}
	return "nothing was changed: look at cozy-install status, mend what it shows, and run this again"
}

// RolledBackError says that a node was to come up with another system and came up with what it had.
type RolledBackError struct {
	Node, Want string
	Schematic  string
	Have       talos.System
}

func (e *RolledBackError) Error() string {
	if talos.SameVersion(e.Have.Version, e.Want) {
		return fmt.Sprintf("node %s came back with another boot image: schematic %q instead of %q", e.Node, e.Have.Schematic, e.Schematic)
	}
	return fmt.Sprintf("node %s came back with Talos %s: the upgrade to %s was rolled back", e.Node, e.Have.Version, e.Want)
}

// Hint says where to look.
func (e *RolledBackError) Hint() string {
	return "the node works with its old image; see on its console or with talosctl dmesg why the new one did not come up, e.g. an extension that this version lacks; running the upgrade again tries again"
}

// RefusedUpgradeError says that a node did not take the request for an upgrade.
type RefusedUpgradeError struct {
	Node string
	Err  error
}

func (e *RefusedUpgradeError) Error() string {
	return fmt.Sprintf("node %s refuses the upgrade: %v", e.Node, e.Err)
}
func (e *RefusedUpgradeError) Unwrap() error { return e.Err }

// Hint says what it may be.
func (e *RefusedUpgradeError) Hint() string {
	return "the node goes on as before; if it cannot fetch the image, check that talos.factory serves this version and that the node reaches it"
}

// BehindError says that a node runs another version of Talos than the site file names.
type BehindError struct{ Node, Have, Want string }

func (e *BehindError) Error() string {
	return fmt.Sprintf("node %s runs Talos %s, and the site file says %s", e.Node, e.Have, e.Want)
}

// Hint says what comes first.
func (e *BehindError) Hint() string {
	return "run cozy-install upgrade talos first, or set talos.version to what the nodes run"
}

// PinnedError says that a patch of the site file keeps a part of Kubernetes at a version.
type PinnedError struct {
	Node       string
	Component  talos.Component
	Have, Want string
}

func (e *PinnedError) Error() string {
	return fmt.Sprintf("the config of %s names %s %s although kubernetes.version is %s", e.Node, e.Component, e.Have, e.Want)
}

// Hint says what sets it.
func (e *PinnedError) Hint() string {
	return "a patch in the site file sets its image: remove it, or change the version in it"
}
