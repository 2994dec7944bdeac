// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
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

// hintFromStart helps those who skipped the phase that makes a file, or look into another directory.
const hintFromStart = "run up without --from, or with the --work-dir that the site was installed with"

// NoSecretsError says that a phase needs secrets that have not been created.
type NoSecretsError struct{ Path string }

func (e *NoSecretsError) Error() string {
	return fmt.Sprintf("the cluster's secrets do not exist yet (%s)", e.Path)
}

// Hint says how to come by them.
func (e *NoSecretsError) Hint() string { return hintFromStart }

// NoKubeconfigError says that a phase needs the cluster's kubeconfig, which has not been fetched.
type NoKubeconfigError struct{ Path string }

func (e *NoKubeconfigError) Error() string {
	return fmt.Sprintf("there is no kubeconfig yet (%s)", e.Path)
}

// Hint says how to come by it.
func (e *NoKubeconfigError) Hint() string { return hintFromStart }

// NetbootModeError says that the site file asks for a netboot mode in which nothing can be served.
type NetbootModeError struct{ Mode string }

func (e *NetbootModeError) Error() string {
	return fmt.Sprintf("netboot.mode: %q: netboot is served in mode %s only", e.Mode, site.ModeProxy)
}

// Hint says how else machines can be started.
func (e *NetbootModeError) Hint() string {
	return "set netboot.mode to proxy, beside the DHCP server that your network has; with off, up waits for machines that you start yourself, e.g. from Talos's ISO"
}
