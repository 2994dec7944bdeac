// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// RestoreOptions say from what to restore etcd, and what was agreed to.
type RestoreOptions struct {
	File         string // the snapshot, encrypted or not
	IdentityFile string // with the age identities that open it; empty: the site's
	// Node is the control plane on which it is restored; the others join. Empty: the one on which etcd was bootstrapped.
	Node   string
	Accept []string // names of risks
	// Confirm is asked before anything is done, once the risks are accepted. Its error ends the restore. A restore that was begun
	// was agreed to then. Nil: nobody is asked.
	Confirm func(RestorePlan) error
	// Say is told what is waited for. Nil: nobody listens.
	Say func(format string, args ...any)
}

// RestorePlan is what a restore will do.
type RestorePlan struct {
	Site   string `json:"site"`
	Node   string `json:"node"`
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Begun says that an earlier run began it.
	Begun bool `json:"begun"`
	// Joins are the other control planes, which join etcd by themselves; Later, those that do when up has given them their configs.
	Joins []string `json:"joins,omitempty"`
	Later []string `json:"later,omitempty"`
	Risks []Risk   `json:"risks"`
}

// Restored is a restore that was seen to take effect.
type Restored struct {
	RestorePlan
	Members []string `json:"members"`
}

// restoreAgain is how long a node that was asked to start etcd from a snapshot has before it is asked again: it fetches
// etcd's image first.
const restoreAgain = 30 * time.Second

// PlanRestore says what Restore would do, with the same checks, and changes nothing. Neither risks nor a confirmation are asked for.
func PlanRestore(ctx context.Context, o Options, r RestoreOptions) (RestorePlan, error) {
	b, err := reading(o)
	if err != nil {
		return RestorePlan{}, err
	}
	plan, _, err := b.planRestore(ctx, r)
	return plan, err
}

// Restore starts etcd anew from a snapshot, on one control plane, and waits until the others have joined. It is the only
// exception to the rule that etcd is bootstrapped once, and has its own guard: mayRestore. Killed at any moment and run
// again with the same snapshot, it goes on.
func Restore(ctx context.Context, o Options, r RestoreOptions) (out Restored, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return Restored{}, err
	}
	if r.Say == nil {
		r.Say = func(string, ...any) {}
	}
	plan, node, err := b.planRestore(ctx, r)
	if err != nil {
		return Restored{}, err
	}
	if !plan.Begun {
		if err := unaccepted(plan.Risks, r.Accept); err != nil {
			return Restored{}, err
		}
		if err := confirmed(r.Confirm, plan); err != nil {
			return Restored{}, err
		}
		// Written before anything is done: nobody else may be chosen, and no empty etcd started, from now on.
		err = dir.UpdateJournal(ctx, func(j *workdir.Journal) {
			j.BootstrapNode, j.Restore = node.Name, &workdir.RestoreMark{Node: node.Name, SHA256: plan.SHA256}
		})
		if err != nil {
			return Restored{}, err
		}
	}
	members, err := b.restore(ctx, node, r)
	if err != nil {
		return Restored{}, err
	}
	return Restored{RestorePlan: plan, Members: members}, dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		j.BootstrapCalled, j.EtcdStarted, j.Restore = true, true, nil
	})
}

// planRestore checks the snapshot, and that no etcd can be harmed.
func (b *bringup) planRestore(ctx context.Context, r RestoreOptions) (RestorePlan, site.Node, error) {
	if _, err := b.credentials(); err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	found, err := b.checkSnapshot(r)
	if err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	node, err := b.restoreNode(r.Node, journal)
	if err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	if mark := journal.Restore; mark != nil && (mark.SHA256 != found.SHA256 || mark.Node != node.Name) {
		return RestorePlan{}, site.Node{}, &OtherRestoreError{Node: mark.Node, SHA256: mark.SHA256}
	}
	views, err := b.planeViews(ctx)
	if err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	if err := mayRestore(node.Name, journal.Restore, views); err != nil {
		return RestorePlan{}, site.Node{}, err
	}
	plan := RestorePlan{
		Site: b.site.Metadata.Name, Node: node.Name, File: r.File, Bytes: found.Bytes, SHA256: found.SHA256, Begun: journal.Restore != nil,
		Risks: []Risk{{RiskDataLoss, "what happened in the cluster after the snapshot was taken is lost"}},
	}
	for _, view := range views {
		switch {
		case view.node.Name == node.Name:
		case view.state == talos.Maintenance:
			plan.Later = append(plan.Later, view.node.Name)
		default:
			plan.Joins = append(plan.Joins, view.node.Name)
		}
	}
	return plan, node, nil
}

// restoreNode is the control plane to restore on: that of a restore that was begun, the one asked for, the one on which
// etcd was bootstrapped, or, when that is lost, the first.
func (b *bringup) restoreNode(asked string, journal workdir.Journal) (site.Node, error) {
	planes := b.controlPlanes()
	if asked == "" && journal.Restore != nil {
		asked = journal.Restore.Node
	}
	if asked == "" && contains(planes, journal.BootstrapNode) {
		asked = journal.BootstrapNode
	}
	if asked == "" {
		return planes[0], nil
	}
	if !contains(planes, asked) {
		return site.Node{}, &UnknownNodeError{Node: asked, Known: names(planes)}
	}
	return nodeOf(b.site, asked)
}

func (b *bringup) checkSnapshot(r RestoreOptions) (talos.Snapshot, error) {
	from, err := openSealed(b.site, r.File, r.IdentityFile)
	if err != nil {
		return talos.Snapshot{}, err
	}
	var check talos.SnapshotCheck
	_, err = io.Copy(&check, from)
	if err := errors.Join(err, from.Close()); err != nil {
		return talos.Snapshot{}, fmt.Errorf("read %s: %w", r.File, err)
	}
	found, err := check.Finish()
	if err != nil {
		return talos.Snapshot{}, fmt.Errorf("%s: %w", r.File, err)
	}
	return found, nil
}

// restore brings the node to its restored etcd, and waits for the others. It gives the members.
func (b *bringup) restore(ctx context.Context, node site.Node, r RestoreOptions) ([]string, error) {
	var asked time.Time
	err := b.await(ctx, r.Say, "etcd to start from the snapshot on "+node.Name, 0, func(ctx context.Context) error {
		return b.restoreOnce(ctx, node, r, &asked)
	})
	if err != nil {
		return nil, err
	}
	var members []talos.EtcdMember
	err = b.await(ctx, r.Say, "the other control planes to join etcd", askTimeout, func(ctx context.Context) error {
		views, err := b.planeViews(ctx)
		if err != nil {
			return err
		}
		var planes []string
		seen := map[string][]talos.EtcdMember{}
		for _, view := range views {
			if view.state == talos.Maintenance {
				continue // it joins when up has given it its config
			}
			planes = append(planes, view.node.Name)
			seen[view.node.Name] = view.members
		}
		members = seen[node.Name]
		return oneEtcd(planes, seen)
	})
	if err != nil {
		return nil, err
	}
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.Hostname
	}
	slices.Sort(out)
	return out, nil
}
