// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// AddNode brings one node of the site file into the running site: the phases of Up for this node alone. No other machine is
// booted, given a config or waited for. It may be run again until the node is there. The error is an *UnknownNodeError.
func AddNode(s *site.Site, name string) (Work, error) {
	node, err := nodeOf(s, name)
	return Work{title: "add node " + name, pulls: true, list: func(b *bringup) ([]phase.Phase, error) {
		preflight := b.preflightNode(node, "check that the site can take the node in", "every other member of etcd runs and has a vote",
			func(context.Context) (bool, error) { return true, nil })
		return append([]phase.Phase{preflight}, b.joining(node)...), nil
	}}, err
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
