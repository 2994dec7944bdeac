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
// there.
func ReplaceNode(ctx context.Context, o Options, name string) (Change, error) {
	w, err := replaceNode(o.Site, name)
	if err != nil {
		return Change{}, err
	}
	return w.run(ctx, o)
}

// PlanReplaceNode says what ReplaceNode would do, and what may be lost by it.
func PlanReplaceNode(ctx context.Context, o Options, name string) (PlannedChange, error) {
	w, err := replaceNode(o.Site, name)
	if err != nil {
		return PlannedChange{}, err
	}
	return w.plan(ctx, o)
}

func replaceNode(s *site.Site, name string) (work, error) {
	node, err := nodeOf(s, name)
	if err != nil {
		return work{}, err
	}
	return work{
		title: "replace node " + name,
		risks: func(*bringup) ([]string, error) {
			return []string{
				"the former machine must never come back: it is a member of the cluster as far as it knows",
				"what only the former machine had is lost: local volumes, empty directories, replicas of storage on its disks",
			}, nil
		},
		list: func(b *bringup) ([]phase.Phase, error) {
			return append([]phase.Phase{b.preflightReplace(node), b.removeFormer(node)}, b.joining(node)...), nil
		},
	}, nil
}

func (b *bringup) preflightReplace(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "preflight", Title: "check that the machine of " + node.Name + " is gone",
		Plan: func(context.Context) ([]string, error) {
			return []string{"the former machine does not answer; every other member of etcd runs and has a vote"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			alive, err := b.assertFormerGone(ctx, node)
			if err != nil {
				return err
			}
			if _, err := b.beside(ctx, node, alive); err != nil {
				return err
			}
			_, err = b.kube()
			return err
		},
	}
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
func (b *bringup) removeFormer(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "former", Title: "remove what is left of the former machine",
		Done: func(context.Context) (bool, error) {
			journal, err := b.dir.Journal()
			return journal.Replaced[node.Name], err
		},
		Plan: func(context.Context) ([]string, error) {
			steps := []string{"delete the node in Kubernetes, and the marks of its installation in the work directory"}
			if node.Role == site.ControlPlane {
				steps = append([]string{"remove its member from etcd, by another control plane"}, steps...)
			}
			for _, p := range b.plan.Packages {
				for _, step := range p.NodeRemoval {
					steps = append(steps, fmt.Sprintf("%s, not done by this command: %s", p.Name, step))
				}
			}
			return steps, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if node.Role == site.ControlPlane {
				err := b.await(ctx, say, "the former machine to be out of etcd", askTimeout, func(ctx context.Context) error {
					return b.removeMember(ctx, node)
				})
				if err != nil {
					return err
				}
			}
			client, err := b.kube()
			if err != nil {
				return err
			}
			if err := client.DeleteNode(ctx, node.Name); err != nil {
				return err
			}
			return b.forget(ctx, node, func(j *workdir.Journal) {
				delete(j.Resets, node.Name)
				if j.Replaced == nil {
					j.Replaced = map[string]bool{}
				}
				j.Replaced[node.Name] = true
			})
		},
	}
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
