// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/pxe"
)

// keepNetboot writes down what the netboot server remembers.
func (b *bringup) keepNetboot(ctx context.Context, r pxe.Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the netboot record: %w", err)
	}
	return b.dir.Write(ctx, workdir.NetbootFile, append(data, '\n'))
}

// netbootRecord reads it back. A missing one is an empty one.
func netbootRecord(dir *workdir.Dir) (pxe.Record, error) {
	data, err := dir.Read(workdir.NetbootFile)
	if errors.Is(err, fs.ErrNotExist) {
		return pxe.Record{}, nil
	}
	if err != nil {
		return pxe.Record{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var r pxe.Record
	err = decoder.Decode(&r)
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return pxe.Record{}, &BrokenRecordError{Path: dir.Path(workdir.NetbootFile), Err: err}
	}
	return r, nil
}

// earlierNetboot is what an earlier server remembered. A record that can't be read is set aside and told of: it is no reason
// to leave machines unbooted.
func (b *bringup) earlierNetboot(say func(string)) (pxe.Record, error) {
	record, err := netbootRecord(b.dir)
	if broken := (*BrokenRecordError)(nil); errors.As(err, &broken) {
		aside, err := b.dir.SetAside(workdir.NetbootFile)
		if err != nil {
			return pxe.Record{}, err
		}
		say(fmt.Sprintf("%v: it is kept as %s, and a new history begins", broken, aside))
		return pxe.Record{}, nil
	}
	return record, err
}

// BrokenRecordError says that what an earlier netboot server remembered can't be read.
type BrokenRecordError struct {
	Path string
	Err  error
}

func (e *BrokenRecordError) Error() string {
	return fmt.Sprintf("netboot record %s: %v", e.Path, e.Err)
}
func (e *BrokenRecordError) Unwrap() error { return e.Err }

// Hint says what is lost with it.
func (e *BrokenRecordError) Hint() string {
	return "it only holds the history of boots, and which dialect each firmware takes: it may be removed"
}

// NetbootStatus is what the netboot server of a site saw, with what to think of it.
type NetbootStatus struct {
	// Written is when the server last wrote. Zero: no server has run with this work directory.
	Written time.Time `json:"written,omitzero"`
	// Running says that some run holds the work directory now.
	Running    bool              `json:"running"`
	Mode       string            `json:"mode,omitempty"`
	Interfaces []string          `json:"interfaces,omitempty"`
	Boots      []DiagnosedBoot   `json:"boots"`
	Notices    []pxe.Notice      `json:"notices"`
	Leases     []pxe.LeaseRecord `json:"leases,omitempty"`
}

// DiagnosedBoot is a machine's boot with its diagnosis.
type DiagnosedBoot struct {
	pxe.Boot

	Diagnosis pxe.Diagnosis `json:"diagnosis"`
}

// LookAtNetboot reads what the netboot server of a site saw: that of a running `up` or `pxe serve`, or of the last one.
func LookAtNetboot(o Options) (NetbootStatus, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return NetbootStatus{}, err
	}
	record, err := netbootRecord(dir)
	if err != nil {
		return NetbootStatus{}, err
	}
	held, err := dir.Held()
	if err != nil {
		return NetbootStatus{}, err
	}
	status := NetbootStatus{
		Written: record.Written, Running: held, Mode: string(record.Mode), Interfaces: record.Interfaces,
		Boots: []DiagnosedBoot{}, Notices: record.Notices, Leases: record.Leases,
	}
	if status.Notices == nil {
		status.Notices = []pxe.Notice{}
	}
	now := record.Written
	if held {
		now = time.Now()
	}
	for _, b := range record.Boots {
		status.Boots = append(status.Boots, DiagnosedBoot{Boot: b, Diagnosis: b.Diagnose(now, record.Notices)})
	}
	return status, nil
}

// UnknownMachineError says that nobody of that name was seen.
type UnknownMachineError struct{ Name string }

func (e *UnknownMachineError) Error() string {
	return fmt.Sprintf("no machine %q has asked the netboot server for anything", e.Name)
}

// Hint says what to look at.
func (e *UnknownMachineError) Hint() string {
	return "list those that did: cozy-install pxe status; if it is on and missing there, its packets do not arrive: is it on the wire of netboot.interface, with network boot first in its boot order?"
}

// Find returns the boots of the machine with that MAC, node's name or code: one for each network card.
func (s NetbootStatus) Find(name string) ([]DiagnosedBoot, error) {
	text := strings.TrimSpace(name)
	if mac, err := net.ParseMAC(text); err == nil {
		text = mac.String()
	}
	var found []DiagnosedBoot
	for _, b := range s.Boots {
		if b.MAC == text || b.Node != "" && b.Node == text || b.Code != "" && strings.EqualFold(b.Code, text) {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		return nil, &UnknownMachineError{Name: name}
	}
	return found, nil
}

// ApproveMachine lets a stranger netboot, by its code or MAC, and returns which. It is never configured. Undo takes that back.
func ApproveMachine(o Options, name string, undo bool) (DiagnosedBoot, error) {
	status, err := LookAtNetboot(o)
	if err != nil {
		return DiagnosedBoot{}, err
	}
	found, err := status.Find(name)
	if err != nil {
		return DiagnosedBoot{}, err
	}
	if found[0].Node != "" {
		return DiagnosedBoot{}, fmt.Errorf("approve %s: it is %s of the site file, which needs no approval", name, found[0].Node)
	}
	return found[0], order(o.WorkDir, workdir.ApproveMachine, found[0].MAC, undo)
}

// Reinstall lets a node netboot Talos again although it is installed. Undo takes that back.
func Reinstall(o Options, node string, undo bool) error {
	for _, n := range o.Site.Nodes {
		if n.Name == node {
			return order(o.WorkDir, workdir.ApproveReinstall, node, undo)
		}
	}
	return fmt.Errorf("reinstall %q: no node of the site file has this name", node)
}

func order(workDir, kind, name string, undo bool) error {
	if undo {
		return workdir.Withdraw(workDir, kind, name)
	}
	return workdir.Approve(workDir, workdir.Approval{Kind: kind, Name: name})
}
