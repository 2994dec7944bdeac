// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// Health has two gates in a bring-up, and both are the gate of a running site. Before there is a CNI no node is Ready, so the first asks only that the control plane
// answers; the second, after the CNI, that the nodes are Ready. What is no reason to stop, as a node with little memory or
// a cordoned one, is in neither: status shows it.

// controlPlaneAnswers are the checks of the first gate.
func controlPlaneAnswers() []nodeCheck {
	return checksNamed("apid", "etcd", "members", "kubelet", "staticPods", "registered")
}

// nodesReady are the checks of the second gate.
func nodesReady() []nodeCheck { return checksNamed("apid", "machine", "ready", "kubeProxy") }

// siteWell are the checks of both gates, which must hold before a node of a running site may go away for a while, and after it.
func siteWell() []nodeCheck {
	return append(controlPlaneAnswers(), slices.DeleteFunc(nodesReady(), func(c nodeCheck) bool { return c.id == "apid" })...)
}

// siteWellOnTime are those and the clocks: a node whose clock is wrong does not come back from a reboot.
func siteWellOnTime() []nodeCheck { return append(siteWell(), checksNamed("clock")...) }

// UnhealthyError says which checks of a gate do not hold.
type UnhealthyError struct {
	// Problems are by node, in the site's order.
	Problems []NodeProblem
}

// NodeProblem is a check of a node that does not hold.
type NodeProblem struct {
	Node string
	CheckResult
}

func (e *UnhealthyError) Error() string { return strings.Join(e.lines(), "; ") }

func (e *UnhealthyError) lines() []string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("%s: %s: %s", p.Node, p.Check, p.Reason)
	}
	return lines
}

// nodes are those with a problem, each once.
func (e *UnhealthyError) nodes() []string {
	var out []string
	for _, p := range e.Problems {
		if !slices.Contains(out, p.Node) {
			out = append(out, p.Node)
		}
	}
	return out
}

// Hint says where to see more.
func (e *UnhealthyError) Hint() string { return "cozy-install status shows all checks of all nodes" }

// assertGate looks once whether the checks of a gate hold for all nodes: *UnhealthyError if not. What can't be asked does
// not hold.
func (b *bringup) assertGate(ctx context.Context, nodes []site.Node, checks []nodeCheck) error {
	facts, err := b.examine(ctx, nodes, checks)
	if err != nil {
		return err
	}
	failure := &UnhealthyError{}
	for _, node := range facts.nodes {
		for _, result := range facts.judge(node, checks) {
			if result.State == CheckFailed || result.State == CheckUnknown {
				failure.Problems = append(failure.Problems, NodeProblem{Node: node.node.Name, CheckResult: result})
			}
		}
	}
	if len(failure.Problems) > 0 {
		return failure
	}
	return nil
}

// gate is an assertion about the cluster's nodes, and checks of health behind it: the cheap question to the Kubernetes API
// comes first, for it is asked twice a second, and the nodes are asked when it holds.
type gate struct {
	bringup *bringup
	assert  func(*kube.Client, context.Context, []string) error
	checks  []nodeCheck
	// passed are the workers whose checks held. They are not asked again while others are waited for: to ask hundreds of
	// nodes takes seconds. Control planes are, since each is held against the others.
	passed map[string]bool
}

func (g *gate) pass(ctx context.Context) error {
	client, err := g.bringup.kube()
	if err != nil {
		return err
	}
	nodes := g.bringup.expected()
	if err := g.assert(client, ctx, names(nodes)); err != nil {
		return err
	}
	asked := slices.DeleteFunc(nodes, func(n site.Node) bool { return g.passed[n.Name] })
	err = g.bringup.assertGate(ctx, asked, g.checks)
	if failure := (*UnhealthyError)(nil); errors.As(err, &failure) {
		g.remember(asked, failure.nodes())
	}
	return err
}

func (g *gate) remember(asked []site.Node, failed []string) {
	for _, node := range asked {
		g.passed[node.Name] = node.Role == site.Worker && !slices.Contains(failed, node.Name)
	}
}

// reasonsAtOnce is how many nodes are asked why they are not there yet: a person reads no more at once.
const reasonsAtOnce = 3

// withReasons adds to an error of a wait what the first of the nodes that are waited for say they are doing. This is read
// twice a second from MachineStatus, where Talos gathers what its events tell: a stream of events would say the same, end at
// each reboot, and have to be begun before the status is read so as to miss nothing. What was seen of the nodes just now saves
// a look; nil: they are looked at.
func (b *bringup) withReasons(ctx context.Context, err error, seen map[string]sight) error {
	waited := waitedFor(err)
	if len(waited) == 0 || isFinal(err) {
		return err
	}
	waited = waited[:min(len(waited), reasonsAtOnce)]
	said := make([]string, len(waited))
	group := errgroup.Group{}
	for i, name := range waited {
		group.Go(func() error {
			if node, err := nodeOf(b.site, name); err == nil {
				said[i] = b.doing(ctx, node, seen)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	var lines []string
	for i, words := range said {
		if words != "" {
			lines = append(lines, waited[i]+": "+words)
		}
	}
	if len(lines) == 0 {
		return err
	}
	return &reasonedError{err: err, reasons: strings.Join(lines, ", ")}
}

// reasonedError is an error with what the nodes say about it.
type reasonedError struct {
	err     error
	reasons string
}

func (e *reasonedError) Error() string { return fmt.Sprintf("%v (%s)", e.err, e.reasons) }
func (e *reasonedError) Unwrap() error { return e.err }

// doing is what a node says it is doing and waits for, in its own words; empty if it says nothing or has nothing left to do.
func (b *bringup) doing(ctx context.Context, node site.Node, known map[string]sight) string {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	seen, there := known[node.Name]
	if !there {
		creds, err := b.credentials()
		if err != nil {
			return ""
		}
		if seen, err = b.look(ctx, node, creds); err != nil {
			return ""
		}
	}
	var client *talos.Client
	var err error
	switch seen.state {
	case talos.Ours:
		client, err = b.dial(ctx, node)
	case talos.Maintenance:
		client, err = talos.DialMaintenance(ctx, seen.addr, seen.fingerprint)
	default:
		return "no answer"
	}
	if err != nil {
		return ""
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil || status.Stage == talos.StageUnknown || status.Stage == talos.StageRunning && status.Ready {
		return ""
	}
	return inWords(status)
}

// waitedFor gives the nodes that an error says are waited for.
func waitedFor(err error) []string {
	var (
		missing *MissingNodesError
		not     *kube.NotYetError
	)
	switch {
	case errors.As(err, &missing):
		return missing.Nodes
	case errors.As(err, &not):
		return not.Nodes
	}
	return nil
}
