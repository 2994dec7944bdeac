// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// UnapprovedError names the control planes that get no config before a person has compared their fingerprints. None is
// in the text: it must be read from the machine's own console.
type UnapprovedError struct {
	Nodes []string
	Addrs []netip.Addr // where the nodes answer, in the same order
}

func (e *UnapprovedError) Error() string {
	at := make([]string, len(e.Nodes))
	for i, node := range e.Nodes {
		at[i] = fmt.Sprintf("%s (%s)", node, e.Addrs[i])
	}
	node := "<node>"
	if len(e.Nodes) == 1 {
		node = e.Nodes[0]
	}
	return fmt.Sprintf("not approved yet: %s: look at the machine's console and run in another terminal: "+
		"cozy-install node approve %s --fingerprint <the one on the console>", strings.Join(at, ", "), node)
}

// Hint says where the fingerprint stands, and how to do without.
func (e *UnapprovedError) Hint() string {
	return "in maintenance mode Talos shows the fingerprint of its certificate on the machine's screen and serial console, new at each boot; on a network that you trust, netboot.approve: site takes machines by mac, serial and uuid"
}

// UnlikeApprovedError says that the machine that answers for a node is not the one whose fingerprint was approved.
type UnlikeApprovedError struct {
	Node string
	Addr netip.Addr
}

func (e *UnlikeApprovedError) Error() string {
	return fmt.Sprintf("the machine at %s shows another fingerprint than the one approved for %s: somebody else may answer for it, "+
		"or it has rebooted since", e.Addr, e.Node)
}

// Hint says how to find out which of the two it is.
func (e *UnlikeApprovedError) Hint() string {
	return "look at the console of " + e.Node + " again: if its fingerprint is another one now, approve that; if not, find out who has the address of this message"
}

// isUnapproved says that a person's approval is waited for.
func isUnapproved(err error) bool {
	var unapproved *UnapprovedError
	var unlike *UnlikeApprovedError
	return errors.As(err, &unapproved) || errors.As(err, &unlike)
}

// needsAPerson says that a person must do something while the run waits: approve a machine or restart one.
func needsAPerson(err error) bool {
	var restart *RestartError
	return isUnapproved(err) || errors.As(err, &restart)
}

// approved gives the nodes whose machines may have their configs. The error names the others.
func (b *bringup) approved(ctx context.Context, nodes []site.Node, seen map[string]sight) ([]site.Node, error) {
	if b.site.Netboot.Approve != site.ApproveFingerprint {
		return nodes, nil
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return nil, err
	}
	left, leftErr := b.approvals()
	fresh := map[string]string{}
	var may []site.Node
	var waiting UnapprovedError
	var errs []error
	for _, node := range nodes {
		machine := seen[node.Name]
		switch judge(node.Role, machine.fingerprint, left[node.Name], journal.Approvals[node.Name]) {
		case acceptable:
			fresh[node.Name] = machine.fingerprint
			may = append(may, node)
		case unapproved:
			waiting.Nodes = append(waiting.Nodes, node.Name)
			waiting.Addrs = append(waiting.Addrs, machine.addr.Addr())
		case unlike:
			errs = append(errs, &UnlikeApprovedError{Node: node.Name, Addr: machine.addr.Addr()})
		default:
			may = append(may, node)
		}
	}
	if len(waiting.Nodes) > 0 {
		errs = append(errs, &waiting)
	}
	if len(errs) > 0 {
		errs = append(errs, leftErr) // perhaps about the one that is waited for
	}
	if err := b.noteApproved(ctx, fresh); err != nil {
		return nil, err
	}
	return may, errors.Join(errs...)
}

// verdict is what may be done with a machine that wants a config.
type verdict string

const (
	acceptable verdict = "acceptable" // a person approved this boot of it
	accepted   verdict = "accepted"   // and that has been written down, or it needs none
	unapproved verdict = "unapproved" // nobody has looked at this boot of it
	unlike     verdict = "unlike"     // a person saw another fingerprint on the console
)

// judge compares the fingerprint of a machine with the one that a person left for its node and the one that its node was
// accepted with before. That one is also what a person left, until there is another: then the machine has rebooted.
func judge(role, fingerprint, left, before string) verdict {
	switch {
	case role != site.ControlPlane:
		return accepted
	case fingerprint == "":
		return unapproved
	case fingerprint == before:
		return accepted
	case fingerprint == left:
		return acceptable
	case left == "" || left == before:
		return unapproved
	}
	return unlike
}

// approvals are the fingerprints that people approved, by node. An error beside them is about files that cannot be read.
func (b *bringup) approvals() (map[string]string, error) {
	all, err := b.dir.Approvals()
	out := map[string]string{}
	for _, a := range all {
		if a.Kind == workdir.ApproveNode {
			out[a.Name] = a.Value
		}
	}
	return out, err
}

// noteApproved writes down with which fingerprints nodes are accepted now, by node.
func (b *bringup) noteApproved(ctx context.Context, fresh map[string]string) error {
	if len(fresh) == 0 {
		return nil
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Approvals == nil {
			j.Approvals = map[string]string{}
		}
		for node, fingerprint := range fresh {
			j.Approvals[node] = fingerprint
			b.log.Info("approved by its fingerprint", "node", node, "fingerprint", fingerprint)
		}
	})
}

// NoApprovalNeededError says that an approval was given that nobody would ask for.
type NoApprovalNeededError struct{ Node, Why string }

func (e *NoApprovalNeededError) Error() string {
	return fmt.Sprintf("node %s is not approved by its fingerprint: %s", e.Node, e.Why)
}

// UnknownNodeError says that the site has no node of a name.
type UnknownNodeError struct {
	Node  string
	Known []string
}

func (e *UnknownNodeError) Error() string { return fmt.Sprintf("the site has no node %q", e.Node) }

// Hint names those that it has.
func (e *UnknownNodeError) Hint() string { return "its nodes are: " + strings.Join(e.Known, ", ") }

// ApprovedNode is a node with the fingerprint that a person saw on its console.
type ApprovedNode struct {
	Node        string `json:"node"`
	Fingerprint string `json:"fingerprint"`
}

// ApproveNode notes that a person has seen a fingerprint on the console of a node, for the Up that waits for it in the
// same work directory. Only the machine that has it gets the node's config. The approval is for one boot of the machine.
func ApproveNode(o Options, node, fingerprint string) (ApprovedNode, error) {
	found, err := nodeOf(o.Site, node)
	if err != nil {
		return ApprovedNode{}, err
	}
	switch {
	case o.Site.Netboot == nil || o.Site.Netboot.Approve != site.ApproveFingerprint:
		return ApprovedNode{}, &NoApprovalNeededError{Node: node, Why: "netboot.approve is not " + site.ApproveFingerprint}
	case found.Role != site.ControlPlane:
		return ApprovedNode{}, &NoApprovalNeededError{Node: node, Why: "only control planes are"}
	}
	parsed, err := talos.ParseFingerprint(fingerprint)
	if err != nil {
		return ApprovedNode{}, err
	}
	return ApprovedNode{Node: node, Fingerprint: parsed}, workdir.Approve(o.WorkDir, workdir.Approval{Kind: workdir.ApproveNode, Name: node, Value: parsed})
}

func nodeOf(s *site.Site, name string) (site.Node, error) {
	i := slices.IndexFunc(s.Nodes, func(n site.Node) bool { return n.Name == name })
	if i < 0 {
		return site.Node{}, &UnknownNodeError{Node: name, Known: names(s.Nodes)}
	}
	return s.Nodes[i], nil
}
