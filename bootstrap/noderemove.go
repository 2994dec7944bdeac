// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// RemoveNode takes a node out of the running site: drained, out of what packages keep on it, out of etcd, wiped, and forgotten by
// Kubernetes. Of a machine that does not answer only the traces are removed. It may be run again until it is through. The node stays in the site file: it is
// for the operator to remove it there, or the next Up brings it back. The error is an *UnknownNodeError.
func RemoveNode(s *site.Site, name string) (Work, error) {
	node, err := nodeOf(s, name)
	return Work{
		title: "remove node " + name,
		risks: func(*bringup) []Risk {
			return []Risk{{RiskDataLoss, "the system disk of " + name + " is wiped (config, images, logs, local volumes), and what pods keep on the" +
				" node alone is lost: empty directories, and pods that no controller makes again"}}
		},
		found: func(ctx context.Context, b *bringup) []Risk { return b.stepRisks(ctx, node) },
		list: func(b *bringup) ([]phase.Phase, error) {
			phases := []phase.Phase{
				b.preflightNode(node, "check that the site can do without the node",
					"it is ours or does not answer; etcd keeps its quorum; another control plane is left",
					func(ctx context.Context) (bool, error) { return b.answers(ctx, node) }),
				b.checkSteps(node), b.drain(node), b.leaveSteps(node),
			}
			if node.Role == site.ControlPlane {
				phases = append(phases, b.leaveEtcd(node))
			}
			return append(phases, b.wipeNode(node), b.forgetNode(node, nil), b.goneSteps(node)), nil
		},
	}, err
}

func (b *bringup) drain(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "drain", Title: "drain " + node.Name,
		Plan: func(context.Context) ([]string, error) {
			return []string{"no new pods; the pods there are evicted, as their disruption budgets allow, but for those of DaemonSets"}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			client, err := b.kube()
			if err != nil {
				return err
			}
			alive, err := b.assertSameLife(ctx, node)
			if err != nil {
				return err
			}
			if !alive {
				say("%s does not answer: its pods are not waited for", node.Name)
				return client.Cordon(ctx, node.Name)
			}
			return client.Drain(ctx, node.Name, b.opts.nodeTimeout(), func(line string) { say("%s", line) })
		},
	}
}

// wipeNode resets the machine, which is in maintenance mode afterwards or does not boot.
func (b *bringup) wipeNode(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "wipe", Title: "wipe " + node.Name,
		Done: func(ctx context.Context) (bool, error) {
			alive, err := b.answers(ctx, node)
			if err == nil && alive { // one that is not needs no wiping
				err = b.sameLife(node, alive)
			}
			return !alive, err
		},
		Plan: func(context.Context) ([]string, error) {
			return []string{"Talos wipes its own partitions and reboots; other disks keep what is on them"}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			asked := false
			return b.await(ctx, say, node.Name+" to be wiped", 0, func(ctx context.Context) error {
				alive, err := b.answers(ctx, node)
				if err != nil || !alive {
					return err
				}
				if !asked {
					asked = b.askWipe(ctx, node) == nil
				}
				return fmt.Errorf("%s still runs", node.Name)
			})
		},
	}
}

func (b *bringup) askWipe(ctx context.Context, node site.Node) error {
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	// What is on its disk afterwards is ours, so that the node can be added again.
	if err := b.noteReset(ctx, node.Name, workdir.ResetAsked); err != nil {
		return err
	}
	// It is drained and out of etcd: being graceful would only repeat that, and give up where it cannot.
	return client.Reset(ctx, talos.Reset{})
}
