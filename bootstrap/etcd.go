// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
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
			if err := b.assertAllAsked(ctx); err != nil {
				return err
			}
			if err := b.awaitClocks(ctx, say, b.expectedPlanes(), b.dialOnce); err != nil {
				return err
			}
			if err := b.chooseBootstrapNode(ctx); err != nil {
				return err
			}
			if err := b.startEtcd(ctx, say); err != nil {
				return err
			}
			return b.awaitMost(ctx, say, "every control plane to be a member of the one etcd cluster", askTimeout, b.assertOneEtcd)
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
	return "put " + e.Node + " back into the site file; if it is lost and no etcd was ever started, choose another control plane: cozy-install etcd choose <node>"
}

// LostEtcdError says that etcd has run before and no control plane runs it now. It is never bootstrapped a second time.
type LostEtcdError struct{ Node string }

func (e *LostEtcdError) Error() string {
	return "etcd was bootstrapped on " + e.Node + " before, and no control plane runs it now"
}

// Hint says what may be wrong.
func (e *LostEtcdError) Hint() string {
	return "control planes that just rebooted need a moment; if they were wiped, the cluster's data is gone: take it back with cozy-install etcd restore, or begin a new cluster with cozy-install reset of all control planes"
}

// assertAllAsked refuses to go on without a control plane before etcd ever ran. Each is asked once more: waiting for them
// is over.
func (b *bringup) assertAllAsked(ctx context.Context) error {
	journal, err := b.dir.Journal()
	if err != nil || journal.EtcdStarted || len(b.expectedPlanes()) == len(b.controlPlanes()) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := b.etcdMembers(ctx); err != nil {
		missing := slices.DeleteFunc(names(b.controlPlanes()), func(name string) bool { return !b.isLate(name) })
		return &UnaskedError{Nodes: missing, Err: err}
	}
	b.returned(names(b.controlPlanes())...)
	return nil
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
	err = b.await(ctx, say, "etcd to start on "+node.Name, askTimeout, func(ctx context.Context) error {
		planes, err := b.planesToAsk()
		if err != nil {
			return err
		}
		members, err := b.etcdMembersOf(ctx, planes)
		if err != nil {
			return err
		}
		if anyMembers(members) {
			return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.EtcdStarted = true })
		}
		return b.callBootstrap(ctx, node)
	})
	return b.silentBootstrapNode(node, err)
}

// silentBootstrapNode says how to go on when a wait for etcd's start ended because the chosen node does not answer.
func (b *bringup) silentBootstrapNode(node site.Node, err error) error {
	timeout := (*wait.TimeoutError)(nil)
	if !errors.As(err, &timeout) || timeout.Last == nil || !errors.Is(timeout.Last, talos.ErrUnavailable) {
		return err
	}
	if silent, _ := blamed(timeout.Last); !slices.Contains(silent, node.Name) {
		return err
	}
	journal, journalErr := b.dir.Journal()
	if journalErr != nil || journal.EtcdStarted {
		return err
	}
	return &SilentBootstrapNodeError{Node: node.Name, Called: journal.BootstrapCalled, Err: err}
}

// planesToAsk are all control planes until etcd ran. From then on it is never bootstrapped, and those that the run went
// on without need not answer.
func (b *bringup) planesToAsk() ([]site.Node, error) {
	journal, err := b.dir.Journal()
	if err != nil || !journal.EtcdStarted {
		return b.controlPlanes(), err
	}
	return b.expectedPlanes(), nil
}

func (b *bringup) callBootstrap(ctx context.Context, node site.Node) error {
	journal, err := b.dir.Journal()
	if err != nil {
		return err
	}
	if journal.Restore != nil {
		return &PendingRestoreError{Node: journal.Restore.Node}
	}
	if journal.EtcdStarted {
		return &LostEtcdError{Node: node.Name}
	}
	boot, err := b.bootOf(ctx, node)
	if err != nil {
		return err
	}
	starting := fmt.Errorf("etcd on %s is starting", node.Name)
	if b.bootstrapped == boot {
		return starting // a second call would begin anew, with fetching etcd's image
	}
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	// Written before the call, whose answer may be lost: nobody else may be chosen from now on.
	if !journal.BootstrapCalled {
		if err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.BootstrapCalled = true }); err != nil {
			return err
		}
	}
	b.log.Info("calling bootstrap", "node", node.Name)
	switch err := client.Bootstrap(ctx); {
	case err == nil:
		b.bootstrapped = boot
	case !errors.Is(err, talos.ErrAlreadyBootstrapped):
		return &NodeError{Node: node.Name, Err: err}
	}
	return starting // success only when the members can be read: the next probe looks
}

// bootOf tells one boot of a node from the next, by the key that it makes anew at each. A bootstrap that has not founded
// etcd yet is lost with the boot. Should the key change within a boot, the call is made once more, which does no harm.
func (b *bringup) bootOf(ctx context.Context, node site.Node) (string, error) {
	creds, err := b.credentials()
	if err != nil {
		return "", err
	}
	answer, err := talos.Probe(ctx, netip.AddrPortFrom(node.Address, talos.Port), creds)
	if err == nil && answer.State != talos.Ours {
		err = fmt.Errorf("%s is %s", node.Name, answer.State)
	}
	if err != nil {
		return "", &NodeError{Node: node.Name, Err: err}
	}
	return answer.Fingerprint, nil
}
