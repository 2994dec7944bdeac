// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// bootstrapEtcd makes the one etcd cluster. The rules are those of design decision 6 and of talos#5500: the node is chosen
// and written down before the call, every control plane is asked for members first, and the call never moves to another
// node, because a second control plane would accept it and start a second cluster.
func (b *bringup) bootstrapEtcd() phase.Phase {
	return phase.Phase{
		ID: "etcd", Title: "bootstrap etcd",
		Done: func(ctx context.Context) (bool, error) { return b.assertOneEtcd(ctx) == nil, nil },
		Plan: func(context.Context) ([]string, error) {
			node, err := b.bootstrapNode()
			if err != nil {
				return nil, err
			}
			return []string{"ask every control plane for etcd members; if none has any, bootstrap etcd on " + node.Name}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if _, err := b.credentials(); err != nil {
				return err // before a choice is written down
			}
			if err := b.chooseBootstrapNode(ctx); err != nil {
				return err
			}
			if err := b.startEtcd(ctx, say); err != nil {
				return err
			}
			return b.await(ctx, say, "every control plane to be a member of the one etcd cluster", askTimeout, b.assertOneEtcd)
		},
	}
}

func (b *bringup) bootstrapNode() (site.Node, error) {
	journal, err := b.dir.Journal()
	if err != nil {
		return site.Node{}, err
	}
	planes := b.controlPlanes()
	if journal.BootstrapNode == "" {
		return planes[0], nil
	}
	i := slices.IndexFunc(planes, func(n site.Node) bool { return n.Name == journal.BootstrapNode })
	if i < 0 {
		return site.Node{}, &LostBootstrapNodeError{Node: journal.BootstrapNode}
	}
	return planes[i], nil
}

// LostBootstrapNodeError says that the node on which etcd was to be bootstrapped is no longer a control plane of the site.
type LostBootstrapNodeError struct{ Node string }

func (e *LostBootstrapNodeError) Error() string {
	return fmt.Sprintf("the journal says that etcd is bootstrapped on %s, which is no control plane of the site file", e.Node)
}

// Hint says how to go on.
func (e *LostBootstrapNodeError) Hint() string {
	return "put " + e.Node + " back into the site file; only if no etcd was ever started may bootstrapNode be removed from the journal"
}

// LostEtcdError says that etcd has run before and no control plane runs it now. It is never bootstrapped a second time.
type LostEtcdError struct{ Node string }

func (e *LostEtcdError) Error() string {
	return "etcd was bootstrapped on " + e.Node + " before, and no control plane runs it now"
}

// Hint says what may be wrong.
func (e *LostEtcdError) Hint() string {
	return "control planes that just rebooted need a moment; if they were wiped, the cluster's data is gone, and only a restore or a new cluster with a new work directory goes on"
}

func (b *bringup) chooseBootstrapNode(ctx context.Context) error {
	node, err := b.bootstrapNode()
	if err != nil {
		return err
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.BootstrapNode = node.Name })
}

// startEtcd calls Bootstrap on the chosen node until etcd members exist. Calling again is safe on the same node only:
// its data directory is no longer empty once a call took effect, also one whose answer was lost.
func (b *bringup) startEtcd(ctx context.Context, say phase.Say) error {
	node, err := b.bootstrapNode()
	if err != nil {
		return err
	}
	return b.await(ctx, say, "etcd to start on "+node.Name, askTimeout, func(ctx context.Context) error {
		members, err := b.etcdMembers(ctx)
		if err != nil {
			return err
		}
		if anyMembers(members) {
			return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.EtcdStarted = true })
		}
		return b.callBootstrap(ctx, node)
	})
}

func (b *bringup) callBootstrap(ctx context.Context, node site.Node) error {
	journal, err := b.dir.Journal()
	if err != nil {
		return err
	}
	if journal.EtcdStarted {
		return &LostEtcdError{Node: node.Name}
	}
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	b.log.Info("calling bootstrap", "node", node.Name)
	err = client.Bootstrap(ctx)
	if err == nil || errors.Is(err, talos.ErrAlreadyBootstrapped) {
		// Success only when the members can be read: the next probe looks.
		return fmt.Errorf("etcd on %s is starting", node.Name)
	}
	return err
}
