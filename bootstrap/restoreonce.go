// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// etcdFailed is Talos's word for a service that gave up.
const etcdFailed = "Failed"

// restoreOnce looks at the node and does the next step of a restore. Nil: its etcd tells that the node is a member. No
// answer to a call is taken for success: the member list alone proves it.
func (b *bringup) restoreOnce(ctx context.Context, node site.Node, r RestoreOptions, asked *time.Time) error {
	view := b.planeView(ctx, node)
	switch {
	case view.err != nil:
		return view.err
	case isMember(view.members, node.Name):
		return nil
	case view.data && view.service.State == etcdFailed:
		return &StuckRestoreError{Node: node.Name, Reason: view.service.Message}
	case view.data:
		return fmt.Errorf("etcd on %s starts from the snapshot", node.Name)
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return err
	}
	failed := view.service.State == etcdFailed
	if !failed && time.Since(*asked) < restoreAgain {
		return fmt.Errorf("etcd on %s unpacks the snapshot", node.Name)
	}
	// A snapshot that is being read must not be replaced: it is given once in a boot, and again only when etcd gave up.
	if failed || journal.Restore.Uploaded != view.boot {
		if err := b.upload(ctx, node, view.boot, r); err != nil {
			return err
		}
	}
	return b.callRestore(ctx, node, asked)
}

// StuckRestoreError says that etcd gave up in the middle of unpacking a snapshot: its directory is no longer empty.
type StuckRestoreError struct{ Node, Reason string }

func (e *StuckRestoreError) Error() string {
	return fmt.Sprintf("etcd on %s gave up in the middle of the restore: %s", e.Node, e.Reason)
}

// Hint says how to begin anew.
func (e *StuckRestoreError) Hint() string {
	return "wipe what it left and restore again: cozy-install reset " + e.Node + " --keep-config --force --accept-risk " + RiskDataLoss +
		" --accept-risk " + RiskQuorumLoss + " --accept-risk " + RiskLastControlPlane
}

func (b *bringup) upload(ctx context.Context, node site.Node, boot string, r RestoreOptions) error {
	r.Say("%s is given the snapshot", node.Name)
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	from, err := openSealed(b.site, r.File, r.IdentityFile)
	if err != nil {
		return err
	}
	if err := errors.Join(client.UploadSnapshot(ctx, from), from.Close()); err != nil {
		return err
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.Restore.Uploaded = boot })
}

// callRestore asks the node to start etcd from what it was given. Asking again is safe on the same node only: as soon as
// it has begun to unpack, its directory is no longer empty, and it refuses.
func (b *bringup) callRestore(ctx context.Context, node site.Node, asked *time.Time) error {
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.Restore.Called = true }); err != nil {
		return err
	}
	b.log.Info("calling bootstrap from a snapshot", "node", node.Name)
	err = client.BootstrapFromSnapshot(ctx)
	if err == nil || errors.Is(err, talos.ErrAlreadyBootstrapped) {
		*asked = time.Now()
		return fmt.Errorf("etcd on %s unpacks the snapshot", node.Name)
	}
	return err
}
