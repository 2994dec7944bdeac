// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
			if err := b.chooseBootstrapNode(ctx); err != nil {
				return err
			}
			if err := b.startEtcd(ctx, say); err != nil {
				return err
			}
			return wait.Until(ctx, wait.Check{
				Title: "every control plane to be a member of the one etcd cluster", Timeout: b.opts.nodeTimeout(), ProbeTimeout: time.Minute,
				Changed: func(reason error) { say("%v", reason) },
				Probe:   b.assertOneEtcd,
			})
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
	return wait.Until(ctx, wait.Check{
		Title: "etcd to start on " + node.Name, Timeout: b.opts.nodeTimeout(), ProbeTimeout: time.Minute,
		Changed: func(reason error) { say("%v", reason) },
		Probe: func(ctx context.Context) error {
			members, err := b.etcdMembers(ctx)
			if err != nil {
				return err
			}
			if anyMembers(members) {
				return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.EtcdStarted = true })
			}
			return b.callBootstrap(ctx, node)
		},
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

// etcdRunning is Talos's word for a service that runs. Before its bootstrap etcd is Preparing, and has nobody to ask.
const etcdRunning = "Running"

// etcdMembers asks every control plane for its view of the etcd members. One that cannot be asked is an error, never an
// empty answer: it may hold the only member.
func (b *bringup) etcdMembers(ctx context.Context) (map[string][]talos.EtcdMember, error) {
	planes := b.controlPlanes()
	out := make(map[string][]talos.EtcdMember, len(planes))
	var errs []error
	for _, node := range planes {
		members, err := b.membersOf(ctx, node)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out[node.Name] = members
	}
	return out, errors.Join(errs...)
}

func (b *bringup) membersOf(ctx context.Context, node site.Node) ([]talos.EtcdMember, error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	service, err := client.EtcdServiceState(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for the state of etcd: %w", node.Name, err)
	}
	if service.State != etcdRunning {
		return nil, nil
	}
	members, err := client.EtcdMembers(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for etcd members: %w", node.Name, err)
	}
	return members, nil
}

func anyMembers(views map[string][]talos.EtcdMember) bool {
	for _, members := range views {
		if len(members) > 0 {
			return true
		}
	}
	return false
}

// SplitEtcdError says that control planes belong to different etcd clusters.
type SplitEtcdError struct{ Views []string }

func (e *SplitEtcdError) Error() string {
	return "the control planes disagree about the etcd members: " + strings.Join(e.Views, "; ")
}

// Hint says what it means if it lasts.
func (e *SplitEtcdError) Hint() string {
	return "if it lasts, two etcd clusters were started: reset the control planes outside the one you keep, then run up again"
}

// assertOneEtcd checks that every control plane sees the same members, and that all control planes are among them.
func (b *bringup) assertOneEtcd(ctx context.Context) error {
	views, err := b.etcdMembers(ctx)
	if err != nil {
		return err
	}
	want := names(b.controlPlanes())
	var first string
	lines := make([]string, 0, len(want))
	agree := true
	for i, name := range want {
		line := describe(views[name])
		if i == 0 {
			first = line
		}
		agree = agree && line == first
		lines = append(lines, name+" sees "+line)
	}
	if !agree {
		return &SplitEtcdError{Views: lines}
	}
	if got := len(views[want[0]]); got != len(want) {
		return fmt.Errorf("etcd has %d of %d members: %s", got, len(want), first)
	}
	return nil
}

// describe gives members with their ids, so that two clusters with members of one name differ.
func describe(members []talos.EtcdMember) string {
	if len(members) == 0 {
		return "no members"
	}
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = fmt.Sprintf("%s (%x)", m.Hostname, m.ID)
		if m.Learner {
			out[i] += " learner"
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
