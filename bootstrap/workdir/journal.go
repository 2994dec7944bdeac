// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
)

// Journal holds the choices that cannot be read back from the world. Everything else is observed anew at each run.
type Journal struct {
	// BootstrapNode is the control plane on which etcd is bootstrapped: written before the call. It is changed by a person
	// only, and never after the call. Empty: not chosen yet.
	BootstrapNode string `json:"bootstrapNode,omitempty"`
	// BootstrapCalled says that BootstrapNode is being asked, or was, to bootstrap: it may have done so.
	BootstrapCalled bool `json:"bootstrapCalled,omitempty"`
	// EtcdStarted says that etcd members have been seen: from then on it is never bootstrapped again.
	EtcdStarted bool `json:"etcdStarted,omitempty"`
	// Applied names the nodes whose machine config has been accepted by them, and which boot from their disk next.
	Applied map[string]bool `json:"applied,omitempty"`
	// Installed names the nodes that were seen running with their config. They boot from their disk until a reinstall is
	// asked for, or they are given their config again.
	Installed map[string]bool `json:"installed,omitempty"`
	// Approvals are, by node, the fingerprint of the machine that was accepted because a person approved it. It is for one
	// boot of the machine: its key is new at the next one.
	Approvals map[string]string `json:"approvals,omitempty"`
	// Upgrade is the upgrade of Talos that a node was asked for and whose end was not seen yet. Nil: none.
	Upgrade *UpgradeMark `json:"upgrade,omitempty"`
	// Resets are, by node, how far a reset that takes its config away has come: it was asked for, or was seen to be done.
	// A node that is given a config is out of here.
	Resets map[string]ResetState `json:"resets,omitempty"`
	// Restore is a restore of etcd that was begun and whose end was not seen yet. Nil: none.
	Restore *RestoreMark `json:"restore,omitempty"`
	// Replaced names the nodes whose former machine was taken out of the cluster, and whose new one is not in it yet.
	Replaced map[string]bool `json:"replaced,omitempty"`
	// Disks are, by node, the disks that the nodes' configs were written for: each held nothing that had to be kept, and its
	// machine was about to be given its config.
	Disks map[string]InstallDisk `json:"disks,omitempty"`
}

// UpgradeMark is what must be known of a node before it is asked for an upgrade, to tell later what became of it.
type UpgradeMark struct {
	Node   string `json:"node"`
	Image  string `json:"image"`  // the installer's image that it was asked to install
	BootID string `json:"bootID"` // of the boot in which it was asked
}

// ResetState is how far the reset of a node has come.
type ResetState string

// The states of a reset.
const (
	ResetAsked ResetState = "asked" // the node was asked, or is about to be
	ResetDone  ResetState = "done"  // it was seen in maintenance mode after that
)

// RestoreMark is written before anything is done for a restore of etcd.
type RestoreMark struct {
	Node   string `json:"node"`   // the control plane on which it is done, and on no other
	SHA256 string `json:"sha256"` // of the snapshot
	// Uploaded is the boot of the node in which it was given all of the snapshot. Empty: none.
	Uploaded string `json:"uploaded,omitempty"`
	// Called says that the node was asked to start etcd from it: it may have done so.
	Called bool `json:"called,omitempty"`
}

// InstallDisk is how an install disk was chosen, in the words of a selector.
type InstallDisk struct {
	// From is the site file's selector at that time, as text: the choice holds for no other.
	From    string `json:"from"`
	WWID    string `json:"wwid,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Model   string `json:"model,omitempty"`
	Size    string `json:"size,omitempty"`
	BusPath string `json:"busPath,omitempty"`
}

// Journal reads the journal. A missing one is an empty one.
func (d *Dir) Journal() (Journal, error) {
	data, err := d.Read(JournalFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Journal{}, nil
	}
	if err != nil {
		return Journal{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var j Journal
	if err := decoder.Decode(&j); err != nil {
		return Journal{}, &BrokenJournalError{Path: d.Path(JournalFile), Err: err}
	}
	return j, nil
}

// UpdateJournal reads the journal, changes it and writes it back before it returns. It may be called concurrently.
func (d *Dir) UpdateJournal(ctx context.Context, change func(*Journal)) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	j, err := d.Journal()
	if err != nil {
		return err
	}
	j.Applied, j.Installed, j.Approvals = maps.Clone(j.Applied), maps.Clone(j.Installed), maps.Clone(j.Approvals)
	j.Replaced = maps.Clone(j.Replaced)
	j.Disks = maps.Clone(j.Disks)
	change(&j)
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return d.Write(ctx, JournalFile, append(data, '\n'))
}

// BrokenJournalError says that the journal cannot be read.
type BrokenJournalError struct {
	Path string
	Err  error
}

func (e *BrokenJournalError) Error() string { return fmt.Sprintf("journal %s: %v", e.Path, e.Err) }
func (e *BrokenJournalError) Unwrap() error { return e.Err }

// Hint says why the file must not simply be removed.
func (e *BrokenJournalError) Hint() string {
	return "it says on which node etcd was bootstrapped: restore it from a backup, or write {\"bootstrapNode\": \"<that node>\"} into it"
}
