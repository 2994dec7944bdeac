// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// AddNode brings one node of the site file into the running site: the phases of Up for this node alone. No other machine is
// booted, given a config or waited for. It may be run again until the node is there.
func AddNode(ctx context.Context, o Options, name string) (Change, error) {
	w, err := addNode(o.Site, name)
	if err != nil {
		return Change{}, err
	}
	return w.run(ctx, o)
}

// PlanAddNode says what AddNode would do.
func PlanAddNode(ctx context.Context, o Options, name string) (PlannedChange, error) {
	w, err := addNode(o.Site, name)
	if err != nil {
		return PlannedChange{}, err
	}
	return w.plan(ctx, o)
}

func addNode(s *site.Site, name string) (work, error) {
	node, err := nodeOf(s, name)
	if err != nil {
		return work{}, err
	}
	return work{title: "add node " + name, list: func(b *bringup) ([]phase.Phase, error) {
		return append([]phase.Phase{b.preflightAdd(node)}, b.joining(node)...), nil
	}}, nil
}

// joining are the phases that bring one machine in.
func (b *bringup) joining(node site.Node) []phase.Phase {
	b.only = node.Name
	phases := []phase.Phase{b.netbootMachines(), b.applyConfigs(), b.awaitInstallation()}
	if node.Role == site.ControlPlane {
		phases = append(phases, b.awaitMember(node))
	}
	phases = append(phases, b.awaitRegistration(), b.awaitNodes(), b.noteJoined(node))
	for i := range phases {
		phases[i] = b.withoutLeaving(phases[i])
	}
	return phases
}

// withoutLeaving ends the run where Up would go on without the node: nothing is left to do without it.
func (b *bringup) withoutLeaving(p phase.Phase) phase.Phase {
	run := p.Run
	p.Run = func(ctx context.Context, say phase.Say) error {
		if err := run(ctx, say); err != nil {
			return err
		}
		return b.lateError(nil)
	}
	return p
}

// preflightAdd checks that the site can take a node in: every other member of etcd has a vote, so that control planes join one
// at a time.
func (b *bringup) preflightAdd(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "preflight", Title: "check that the site can take the node in",
		Plan: func(context.Context) ([]string, error) {
			return []string{"every other member of etcd runs and has a vote"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			if _, err := b.beside(ctx, node, true); err != nil {
				return &UnsteadyError{Err: err}
			}
			_, err := b.kube()
			return err
		},
	}
}

// awaitMember waits until a new control plane is a started member of etcd, with a vote.
func (b *bringup) awaitMember(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "etcd", Title: "wait until the node is a member of etcd",
		Done: func(ctx context.Context) (bool, error) { return b.holds(b.assertMember(ctx, node)) },
		Run: func(ctx context.Context, say phase.Say) error {
			return b.await(ctx, say, node.Name+" to be a member of etcd with a vote", askTimeout, func(ctx context.Context) error {
				return b.assertMember(ctx, node)
			})
		},
	}
}

// noteJoined forgets that the node replaces another.
func (b *bringup) noteJoined(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "joined", Title: "note that the node is in the site",
		Run: func(ctx context.Context, _ phase.Say) error {
			return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { delete(j.Replaced, node.Name) })
		},
	}
}

// nodes are those that the run is about: all of the site, or one.
func (b *bringup) nodes() []site.Node {
	if b.only == "" {
		return b.site.Nodes
	}
	for _, node := range b.site.Nodes {
		if node.Name == b.only {
			return []site.Node{node}
		}
	}
	return nil
}

func (b *bringup) otherPlanes(but site.Node) []site.Node {
	var out []site.Node
	for _, node := range b.controlPlanes() {
		if node.Name != but.Name {
			out = append(out, node)
		}
	}
	return out
}

// LastControlPlaneError says that a site would be left with no control plane, or has no other.
type LastControlPlaneError struct{ Node string }

func (e *LastControlPlaneError) Error() string {
	return fmt.Sprintf("node %s is the only control plane of the site", e.Node)
}

// Hint says what is meant instead.
func (e *LastControlPlaneError) Hint() string {
	return "a new site is brought up with cozy-install up; a lost one is restored from a snapshot of etcd"
}
