// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

const (
	fileVersion = 1
	// maxFile bounds the lease file: about twice what a full pool of the largest size takes.
	maxFile = 32 << 20
)

// file writes the leases. Machines that ask while it is being written share the next write: one of a site's 500
// machines need not wait for the disk 500 times.
type file struct {
	writing sync.Mutex
	written uint64 // changes that are in the file
}

// document is the lease file. Offers are not in it: a machine that takes one after a restart gets it if it is free.
type document struct {
	Version int      `json:"version"`
	Leases  []record `json:"leases"`
}

type record struct {
	Address  netip.Addr `json:"address"`
	MAC      string     `json:"mac"`
	ClientID []byte     `json:"clientID,omitempty"` // as base64, since machines put anything into it
	Until    time.Time  `json:"until"`
}

// save returns when a change is in the file.
func (t *Table) save(change uint64) error {
	if t.config.File == "" {
		return nil
	}
	t.file.writing.Lock()
	defer t.file.writing.Unlock()
	if t.file.written >= change {
		return nil // another machine's write had it
	}
	content, changes := t.content()
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("write lease file %s: %w", t.config.File, err)
	}
	// The temporary file is beside it, so that renaming it is one step.
	beside := renameio.WithTempDir(filepath.Dir(t.config.File))
	if err := renameio.WriteFile(t.config.File, append(data, '\n'), 0o600, beside, renameio.WithStaticPermissions(0o600)); err != nil {
		return fmt.Errorf("write lease file %s: %w", t.config.File, err)
	}
	t.file.written = changes
	return nil
}

// content is what the file should have now, and the number of its last change.
func (t *Table) content() (document, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := document{Version: fileVersion, Leases: make([]record, 0, len(t.byAddress))}
	for _, e := range t.byAddress {
		if e.state == Bound {
			d.Leases = append(d.Leases, record{e.address, net.HardwareAddr(e.mac[:]).String(), e.clientID, e.until.UTC()})
		}
	}
	return d, t.changes
}

// readFile returns nothing when there is no file.
func readFile(path string) ([]record, error) {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var d document
	if err := decoder.Decode(&d); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("has something after its end")
	}
	return d.Leases, d.check()
}

// check refuses what this program never writes.
func (d document) check() error {
	if d.Version != fileVersion {
		return fmt.Errorf("version: %d: this program reads %d", d.Version, fileVersion)
	}
	seen := make(map[netip.Addr]bool, len(d.Leases))
	for i, r := range d.Leases {
		mac, err := net.ParseMAC(r.MAC)
		switch {
		case err != nil || len(mac) != 6:
			return fmt.Errorf("leases[%d].mac: %q: not an Ethernet address", i, r.MAC)
		case !r.Address.Is4():
			return fmt.Errorf("leases[%d].address: %q: not an IPv4 address", i, r.Address)
		case seen[r.Address]:
			return fmt.Errorf("leases[%d].address: %s: is there twice", i, r.Address)
		}
		seen[r.Address] = true
	}
	return nil
}

// load takes up one record of the file.
func (t *Table) load(r record) {
	mac, err := net.ParseMAC(r.MAC)
	if err != nil || len(mac) != 6 {
		return // check has refused it
	}
	e := &entry{address: r.Address, mac: hardware(mac), clientID: r.ClientID, state: Bound, until: r.Until}
	t.byAddress[e.address] = e
	if old := t.byMAC[e.mac]; old == nil || old.until.Before(e.until) {
		t.byMAC[e.mac] = e
	}
}
