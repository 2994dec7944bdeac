// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net/netip"
	"strings"
)

// ForeignNodeError says that a node has been configured by somebody else's cluster. It is never touched.
type ForeignNodeError struct {
	Node string
	Addr netip.AddrPort
}

func (e *ForeignNodeError) Error() string {
	return fmt.Sprintf("node %s (%s) belongs to another Talos cluster: it does not accept this site's certificates", e.Node, e.Addr)
}

// Hint says what may have happened and what to do.
func (e *ForeignNodeError) Hint() string {
	return "if this is the right machine, wipe it with its own cluster's talosctl reset; if it is yours, you are using another work directory than the one it was installed with"
}

// MissingNodesError names the nodes that are not where they should be yet.
type MissingNodesError struct {
	What  string // completes "nodes that ...": "have not appeared"
	Nodes []string
}

func (e *MissingNodesError) Error() string {
	return fmt.Sprintf("nodes that %s: %s", e.What, strings.Join(e.Nodes, ", "))
}

// Hint says what to look at.
func (e *MissingNodesError) Hint() string {
	return "check that they are powered on, that network boot comes first in their boot order, and that mac, serial or uuid in the site file are theirs; then run up again: it goes on from here"
}
