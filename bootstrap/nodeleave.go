// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// What adding, removing and replacing a node have in common: a check before, and the steps by which a node leaves.

// preflightNode checks that the site stands a change of one node: every other member of etcd runs and has a vote, and is a
// majority without the node unless that one is alive. What must hold is said in words, and alive may refuse by itself.
func (b *bringup) preflightNode(node site.Node, title, must string, alive func(context.Context) (bool, error)) phase.Phase {
	return phase.Phase{
		ID: "preflight", Title: title,
		Plan: func(context.Context) ([]string, error) { return []string{must}, nil },
		Run: func(ctx context.Context, _ phase.Say) error {
			is, err := alive(ctx)
			if err != nil {
				return err
			}
			if _, err := b.beside(ctx, node, is); err != nil {
				return &UnsteadyError{Err: err}
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

// leaveEtcd takes the node's member out of etcd: by the node itself, or by another control plane when it does not answer.
func (b *bringup) leaveEtcd(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "leave-etcd", Title: "take " + node.Name + " out of etcd",
		Plan: func(context.Context) ([]string, error) {
			left := len(b.controlPlanes()) - 1
			return []string{
				"the node leaves etcd; one that does not answer is removed by another control plane",
				fmt.Sprintf("etcd is left with %d members at most, which stand the loss of %d", left, (left-1)/2),
			}, nil
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

// forgetNode removes what is left of the node in Kubernetes and in the journal, to which more may be written in the same go.
func (b *bringup) forgetNode(node site.Node, more func(*workdir.Journal)) phase.Phase {
	return phase.Phase{
		ID: "forget", Title: "forget " + node.Name,
		Plan: func(context.Context) ([]string, error) {
			return []string{"delete the node in Kubernetes, and the marks of its installation in the work directory"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			client, err := b.kube()
			if err != nil {
				return err
			}
			if err := deleteNode(ctx, client, node.Name); err != nil {
				return err
			}
			return b.forget(ctx, node, more)
		},
	}
}

// movingTimeout is how long the API may be away while its virtual address goes to another node, as it does when the node that had
// it leaves.
const movingTimeout = 15 * time.Second

// deleteNode removes the node in Kubernetes. Only broken connections are tried again.
func deleteNode(ctx context.Context, client *kube.Client, name string) error {
	return wait.Until(ctx, wait.Check{
		Title: "Kubernetes to delete " + name, Timeout: movingTimeout,
		Probe: func(ctx context.Context) error {
			err := client.DeleteNode(ctx, name)
			if err != nil && !kube.IsBroken(err) {
				return wait.Final(err)
			}
			return err
		},
	})
}

// forget removes the marks of a node from the journal. When etcd was bootstrapped on it, another control plane takes its
// place there: etcd runs, so nothing will be bootstrapped on that.
func (b *bringup) forget(ctx context.Context, node site.Node, more func(*workdir.Journal)) error {
	others, err := b.beside(ctx, node, true)
	if err != nil {
		return err
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		delete(j.Applied, node.Name)
		delete(j.Installed, node.Name)
		delete(j.Approvals, node.Name)
		delete(j.Replaced, node.Name)
		delete(j.Disks, node.Name)
		if j.BootstrapNode == node.Name && j.EtcdStarted {
			j.BootstrapNode = others.planes[0].Name
		}
		if more != nil {
			more(j)
		}
	})
}
