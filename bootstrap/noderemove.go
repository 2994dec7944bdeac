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

// RemoveNode takes a node out of the running site: drained, out of etcd, wiped, and forgotten by Kubernetes. Of a machine that
// does not answer only the traces are removed. It may be run again until it is through. The node stays in the site file: it is
// for the operator to remove it there, or the next Up brings it back.
func RemoveNode(ctx context.Context, o Options, name string) (Change, error) {
	w, err := removeNode(o.Site, name)
	if err != nil {
		return Change{}, err
	}
	return w.run(ctx, o)
}

// PlanRemoveNode says what RemoveNode would do, and what may be lost by it.
func PlanRemoveNode(ctx context.Context, o Options, name string) (PlannedChange, error) {
	w, err := removeNode(o.Site, name)
	if err != nil {
		return PlannedChange{}, err
	}
	return w.plan(ctx, o)
}

func removeNode(s *site.Site, name string) (work, error) {
	node, err := nodeOf(s, name)
	if err != nil {
		return work{}, err
	}
	return work{
		title: "remove node " + name,
		risks: func(b *bringup) ([]string, error) { return b.removalRisks(node), nil },
		list: func(b *bringup) ([]phase.Phase, error) {
			phases := []phase.Phase{b.preflightRemove(node), b.drain(node)}
			if node.Role == site.ControlPlane {
				phases = append(phases, b.leaveEtcd(node))
			}
			return append(phases, b.wipeNode(node), b.forgetNode(node)), nil
		},
	}, nil
}

func (b *bringup) removalRisks(node site.Node) []string {
	risks := []string{
		"what pods keep on the node alone is lost: empty directories, and pods that no controller makes again",
		"the system disk of the machine is wiped: its config, images, logs and local volumes",
	}
	if node.Role == site.ControlPlane {
		left := len(b.controlPlanes()) - 1
		risks = append(risks, fmt.Sprintf("etcd is left with %d members at most, which stand the loss of %d", left, (left-1)/2))
	}
	for _, p := range b.plan.Packages {
		for _, step := range p.NodeRemoval {
			risks = append(risks, fmt.Sprintf("%s, not done by this command: %s", p.Name, step))
		}
	}
	return risks
}

// preflightRemove refuses to remove what the site cannot do without.
func (b *bringup) preflightRemove(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "preflight", Title: "check that the site can do without the node",
		Plan: func(context.Context) ([]string, error) {
			return []string{"it is ours or does not answer; etcd keeps its quorum; another control plane is left"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			alive, err := b.answers(ctx, node)
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

// answers says whether a node answers as ours. A foreign machine at its address is an error: nothing may be done to it, and
// nothing in its name.
func (b *bringup) answers(ctx context.Context, node site.Node) (bool, error) {
	creds, err := b.credentials()
	if err != nil {
		return false, err
	}
	seen, err := b.look(ctx, node, creds)
	return seen.state == talos.Ours, err
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
			alive, err := b.answers(ctx, node)
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

// leaveEtcd takes the node's member out of etcd: by the node itself, or by another control plane when it does not answer.
func (b *bringup) leaveEtcd(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "etcd", Title: "take " + node.Name + " out of etcd",
		Plan: func(context.Context) ([]string, error) {
			return []string{"the node leaves etcd; one that does not answer is removed by another control plane"}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			return b.await(ctx, say, node.Name+" to be out of etcd", askTimeout, func(ctx context.Context) error {
				return b.removeMember(ctx, node)
			})
		},
	}
}

// removeMember asks for the removal while the node is a member, and succeeds when it is none.
func (b *bringup) removeMember(ctx context.Context, node site.Node) error {
	alive, err := b.answers(ctx, node)
	if err != nil {
		return err
	}
	others, err := b.beside(ctx, node, alive)
	if err != nil {
		return err
	}
	member, is := memberNamed(others.members, node.Name)
	if !is {
		return nil
	}
	asked := others.planes[0]
	if alive {
		asked = node
	}
	client, err := b.dial(ctx, asked)
	if err != nil {
		return err
	}
	defer client.Close()
	if alive {
		err = client.LeaveEtcd(ctx)
	} else {
		err = client.RemoveEtcdMember(ctx, member.ID)
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is leaving etcd", node.Name)
}

// wipeNode resets the machine, which is in maintenance mode afterwards or does not boot.
func (b *bringup) wipeNode(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "wipe", Title: "wipe " + node.Name,
		Done: func(ctx context.Context) (bool, error) {
			alive, err := b.answers(ctx, node)
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
