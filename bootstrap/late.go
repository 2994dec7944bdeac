// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// LateNode is a node that a run went on without.
type LateNode struct {
	Name   string `json:"name"`
	Role   string `json:"role"`
	Reason string `json:"reason"`

	err error // that says more; nil: the reason is all
}

// LateNodesError names the nodes that a run went on without. What could be done without them has been done.
type LateNodesError struct{ Nodes []LateNode }

func (e *LateNodesError) Error() string {
	lines := make([]string, len(e.Nodes))
	for i, n := range e.Nodes {
		lines[i] = fmt.Sprintf("%s (%s)", n.Name, n.Reason)
	}
	return "the site is up without these nodes: " + strings.Join(lines, "; ")
}

// Hint is that of the first node that has one, or says what to look at.
func (e *LateNodesError) Hint() string {
	for _, n := range e.Nodes {
		if hinting := (interface{ Hint() string })(nil); errors.As(n.err, &hinting) && hinting.Hint() != "" {
			return hinting.Hint()
		}
	}
	return "check that they are powered on and reach this network; then run up again: it goes on with them, and leaves the others as they are"
}

// NodeError is what went wrong with one node. Its text is that of its cause.
type NodeError struct {
	Node string
	Err  error
}

func (e *NodeError) Error() string { return e.Err.Error() }
func (e *NodeError) Unwrap() error { return e.Err }

// awaitMost waits as await does. When the time is over and all that is missing is nodes that the site can do without, they
// are left behind: the others go on, and the run ends with a *LateNodesError.
func (b *bringup) awaitMost(ctx context.Context, say phase.Say, title string, each time.Duration, assert func(context.Context) error) error {
	for {
		err := b.await(ctx, say, title, each, assert)
		if err == nil || ctx.Err() != nil {
			return err
		}
		behind, refusal := b.leaveBehind(err)
		if refusal != nil {
			return refusal
		}
		for _, n := range behind {
			say("going on without %s: %s", n.Name, n.Reason)
		}
	}
}

// leaveBehind takes the nodes that a wait ended without out of the run, and gives them. The error is the wait's own, or
// says more, when the run cannot go on.
func (b *bringup) leaveBehind(err error) ([]LateNode, error) {
	timeout := (*wait.TimeoutError)(nil)
	if !errors.As(err, &timeout) || timeout.Last == nil {
		return nil, err
	}
	missing, onlyNodes := blamed(timeout.Last)
	missing = slices.DeleteFunc(missing, b.isLate)
	if !onlyNodes || len(missing) == 0 {
		return nil, err
	}
	var behind []LateNode
	for _, node := range b.site.Nodes {
		if slices.Contains(missing, node.Name) {
			behind = append(behind, LateNode{Name: node.Name, Role: node.Role, Reason: "waiting for " + timeout.Title + " took too long"})
		}
	}
	return behind, b.goOnWithout(behind, err)
}

// leaveRefused takes the nodes that were not given their configs out of the run.
func (b *bringup) leaveRefused(ctx context.Context, err error, say phase.Say) error {
	if ctx.Err() != nil { // calls that were cut off are no refusals
		return context.Cause(ctx)
	}
	refused := (*RefusedError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	var behind []LateNode
	for _, a := range refused.Results {
		if a.Result == Refused {
			behind = append(behind, LateNode{Name: a.Node, Role: a.Role, Reason: a.Reason, err: a.err})
		}
	}
	if err := b.goOnWithout(behind, err); err != nil {
		return err
	}
	for _, n := range behind {
		say("going on without %s: %s", n.Name, n.Reason)
	}
	return nil
}

// goOnWithout takes nodes out of the run, if it can go on without them; else the error is the given one, or says more.
func (b *bringup) goOnWithout(behind []LateNode, err error) error {
	journal, journalErr := b.dir.Journal()
	if journalErr != nil {
		return journalErr
	}
	without := func(name string) bool {
		return b.isLate(name) || slices.ContainsFunc(behind, func(n LateNode) bool { return n.Name == name })
	}
	switch {
	case journal.BootstrapNode != "" && without(journal.BootstrapNode) && !journal.EtcdStarted:
		return &SilentBootstrapNodeError{Node: journal.BootstrapNode, Called: journal.BootstrapCalled, Err: err}
	case !canGoWithout(b.site.Nodes, journal.BootstrapNode, without):
		return err
	}
	b.late = append(b.late, behind...)
	return nil
}

// onlyLate says that an error is about nothing but nodes that the run went on without.
func (b *bringup) onlyLate(err error) bool {
	nodes, onlyNodes := blamed(err)
	return onlyNodes && !slices.ContainsFunc(nodes, func(name string) bool { return !b.isLate(name) })
}

// canGoWithout says whether a site can be brought up without some of its nodes: without workers always; without control
// planes while those that are there are more than half of them, so that etcd has its quorum, with the node on which etcd is
// bootstrapped among them. An empty bootstrapNode has not been chosen yet.
func canGoWithout(nodes []site.Node, bootstrapNode string, without func(name string) bool) bool {
	all, there := 0, 0
	for _, node := range nodes {
		if node.Role != site.ControlPlane {
			continue
		}
		all++
		if !without(node.Name) {
			there++
		}
	}
	return 2*there > all && (bootstrapNode == "" || !without(bootstrapNode))
}

// blamed gives the nodes that an error is about. False: something else is wrong too.
func blamed(err error) (nodes []string, onlyNodes bool) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *MissingNodesError:
		return e.Nodes, true
	case *UnhealthyError:
		return e.nodes(), true
	case *NodeError:
		return []string{e.Node}, true
	case *NoEtcdError:
		return e.Nodes, true
	case *kube.NotYetError:
		return e.Nodes, len(e.Nodes) > 0
	case interface{ Unwrap() []error }:
		onlyNodes = true
		for _, one := range e.Unwrap() {
			more, only := blamed(one)
			nodes, onlyNodes = append(nodes, more...), onlyNodes && only
		}
		return nodes, onlyNodes
	case interface{ Unwrap() error }:
		return blamed(e.Unwrap())
	}
	return nil, false
}

func (b *bringup) isLate(name string) bool {
	return slices.ContainsFunc(b.late, func(n LateNode) bool { return n.Name == name })
}

// returned takes nodes that came after all back into the run.
func (b *bringup) returned(names ...string) {
	b.late = slices.DeleteFunc(b.late, func(n LateNode) bool { return slices.Contains(names, n.Name) })
}

// expected are the nodes of the site that the run has not gone on without.
func (b *bringup) expected() []site.Node {
	return slices.DeleteFunc(slices.Clone(b.nodes()), func(n site.Node) bool { return b.isLate(n.Name) })
}

// expectedPlanes are the control planes among them.
func (b *bringup) expectedPlanes() []site.Node {
	return slices.DeleteFunc(b.controlPlanes(), func(n site.Node) bool { return b.isLate(n.Name) || slices.Contains(b.apart, n.Name) })
}

// lateError names the nodes that the run went on without, but for those that another error names: nil if there are none.
func (b *bringup) lateError(but error) error {
	named := (*UnaskedError)(nil)
	errors.As(but, &named)
	late := slices.DeleteFunc(slices.Clone(b.late), func(n LateNode) bool {
		return named != nil && slices.Contains(named.Nodes, n.Name)
	})
	if len(late) == 0 {
		return nil
	}
	return &LateNodesError{Nodes: late}
}
