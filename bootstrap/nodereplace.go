// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// ReplaceNode puts another machine in the place of one that is dead or gone, under the same name: what etcd and Kubernetes
// know of the former one is removed, then the new one is brought in as AddNode does it. It may be run again until the node is
// there. The error is an *UnknownNodeError.
func ReplaceNode(s *site.Site, name string) (Work, error) {
	node, err := nodeOf(s, name)
	return Work{
		title: "replace node " + name, pulls: true,
		risks: func(*bringup) []Risk {
			return []Risk{
				{RiskDataLoss, "what only the former machine of " + name + " had is lost: local volumes and empty directories; it must never come back," +
					" for it is a member of the cluster as far as it knows"},
				{RiskStorageReplicas, "replicas of volumes on the disks of the former machine are lost"},
			}
		},
		found: func(ctx context.Context, b *bringup) []Risk { return b.stepRisks(ctx, node) },
		list: func(b *bringup) ([]phase.Phase, error) {
			phases := []phase.Phase{b.preflightNode(node, "check that the machine of "+name+" is gone",
				"the former machine does not answer; every other member of etcd runs and has a vote",
				func(ctx context.Context) (bool, error) { return b.assertFormerGone(ctx, node) })}
			phases = append(phases, b.removeFormer(node)...)
			return append(phases, b.joining(node)...), nil
		},
	}, err
}

// assertFormerGone refuses while the former machine runs. The new one, of an earlier run, is told from it by its hardware;
// it may be alive.
func (b *bringup) assertFormerGone(ctx context.Context, node site.Node) (alive bool, err error) {
	if alive, err = b.answers(ctx, node); err != nil {
		return false, err
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return false, err
	}
	if !alive {
		if journal.Replaced[node.Name] && journal.Installed[node.Name] {
			// The new machine has run, so what etcd knows under this name may be its own.
			return false, &AwayError{Node: node.Name}
		}
		return false, nil
	}
	inventory, err := b.inventoryOf(ctx, node)
	if err != nil {
		return false, err
	}
	if isNode(node, inventory) == nil && journal.Replaced[node.Name] {
		return true, nil
	}
	return false, &AliveError{Node: node.Name}
}

// removeFormer removes the former machine from etcd and Kubernetes, once: the new one has the same name.
func (b *bringup) removeFormer(node site.Node) []phase.Phase {
	phases := []phase.Phase{b.checkSteps(node), b.leaveSteps(node)}
	if node.Role == site.ControlPlane {
		phases = append(phases, b.leaveEtcd(node))
	}
	phases = append(phases, b.forgetNode(node, func(j *workdir.Journal) {
		delete(j.Resets, node.Name)
		if j.Replaced == nil {
			j.Replaced = map[string]bool{}
		}
		j.Replaced[node.Name] = true
	}))
	for i := range phases {
		missing := phases[i].Done
		phases[i].Done = func(ctx context.Context) (bool, error) {
			journal, err := b.dir.Journal()
			if done := journal.Replaced[node.Name]; done || err != nil || missing == nil {
				return done, err
			}
			return missing(ctx)
		}
	}
	return phases
}

// AliveError says that the machine that was to be replaced is in the cluster and runs.
type AliveError struct{ Node string }

func (e *AliveError) Error() string { return fmt.Sprintf("the machine of node %s runs", e.Node) }

// Hint says what is meant instead.
func (e *AliveError) Hint() string {
	return "switch it off for good first; or take it out while it runs with cozy-install node remove, and bring the new one in with cozy-install node add"
}

// AwayError says that the new machine of a node has been in the cluster and does not answer now.
type AwayError struct{ Node string }

func (e *AwayError) Error() string {
	return fmt.Sprintf("the new machine of node %s has been in the site and does not answer now", e.Node)
}

// Hint says what to do in either case.
func (e *AwayError) Hint() string {
	return "if it is only rebooting, run this again when it is back; if it is dead too, run cozy-install node remove " + e.Node + ", then cozy-install node add " + e.Node
}
