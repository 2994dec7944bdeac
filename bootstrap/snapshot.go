// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// SnapshotOptions say where a snapshot of etcd goes and who can open it.
type SnapshotOptions struct {
	// File is the new file. Empty: one named after the time, in the work directory's snapshots.
	File string
	// EncryptTo are age recipients. Empty: the site's. Without any the snapshot is not encrypted.
	EncryptTo []string
}

// TakenSnapshot is a snapshot of etcd that was taken, checked and written.
type TakenSnapshot struct {
	Path      string    `json:"path"`
	Node      string    `json:"node"` // whose etcd it is of
	Taken     time.Time `json:"taken"`
	Bytes     int64     `json:"bytes"`     // of the snapshot itself
	FileBytes int64     `json:"fileBytes"` // of the file
	SHA256    string    `json:"sha256"`    // of the snapshot itself
	Encrypted bool      `json:"encrypted"`
	// Removed are the older ones that made place for it.
	Removed []string `json:"removed,omitempty"`
}

// TakeSnapshot streams a snapshot of etcd from a healthy control plane into a new file, mode 0600. It is checked on the
// way, and gets its name only when all of it is on disk. It takes no lock, so it may run beside an up.
func TakeSnapshot(ctx context.Context, o Options, s SnapshotOptions) (TakenSnapshot, error) {
	if err := checkRecipients(s.EncryptTo); err != nil {
		return TakenSnapshot{}, err
	}
	b, err := reading(o)
	if err != nil {
		return TakenSnapshot{}, err
	}
	views, err := b.memberViews(ctx)
	if err != nil {
		return TakenSnapshot{}, err
	}
	sources, err := snapshotSources(views)
	if err != nil {
		return TakenSnapshot{}, err
	}
	// Reading is harmless: unlike a bootstrap it may move on to the next node.
	var errs []error
	for _, source := range sources {
		taken, err := b.snapshotFrom(ctx, source, s)
		if err == nil {
			return taken, nil
		}
		errs = append(errs, err)
		if call := (*talos.CallError)(nil); !errors.As(err, &call) || ctx.Err() != nil {
			break // not the node's fault
		}
	}
	return TakenSnapshot{}, errors.Join(errs...)
}

func (b *bringup) snapshotFrom(ctx context.Context, source memberView, s SnapshotOptions) (TakenSnapshot, error) {
	client, err := b.dial(ctx, source.node)
	if err != nil {
		return TakenSnapshot{}, err
	}
	defer client.Close()
	to := recipients(b.site, s.EncryptTo)
	taken := TakenSnapshot{Path: s.File, Node: source.node.Name, Taken: time.Now().UTC().Truncate(time.Second), Encrypted: len(to) > 0}
	if taken.Path == "" {
		if taken.Path, err = b.newSnapshotPath(taken.Taken, taken.Encrypted); err != nil {
			return TakenSnapshot{}, err
		}
	}
	err = workdir.Create(taken.Path, func(w io.Writer) error {
		return sealTo(w, to, func(w io.Writer) error {
			found, err := client.EtcdSnapshot(ctx, w)
			taken.Bytes, taken.SHA256 = found.Bytes, found.SHA256
			return err
		})
	})
	if err != nil {
		return TakenSnapshot{}, fmt.Errorf("snapshot of %s: %w", source.node.Name, err)
	}
	info, err := os.Stat(taken.Path)
	if err != nil {
		return TakenSnapshot{}, fmt.Errorf("look at the snapshot: %w", err)
	}
	taken.FileBytes = info.Size()
	return taken, nil
}

// newSnapshotPath is a name that sorts by time, in a directory without litter.
func (b *bringup) newSnapshotPath(now time.Time, sealed bool) (string, error) {
	dir, err := b.dir.MakeSnapshotsDir()
	if err != nil {
		return "", err
	}
	if err := workdir.RemoveUnfinished(dir); err != nil {
		return "", err
	}
	return filepath.Join(dir, sealedName("etcd-"+stamp(now)+".db", sealed)), nil
}
