// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// word is what people said about machines while the netboot server runs: they say it by files in the work directory, from
// other programs. It may be used concurrently.
type word struct {
	dir *workdir.Dir
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	read time.Time
	// changed is when the directory had changed last at that time.
	changed time.Time
	said    map[workdir.Approval]bool // without values; nil before the first look
	// trouble is what the last look failed with; "" for nothing.
	trouble string
}

// wordAge is how old the answer may be although the directory shows no change: its times are coarse. The server asks for each
// packet of a stranger, and anybody can send those.
const wordAge = time.Second

// lets says whether a stranger's machine was let in.
func (w *word) lets(mac net.HardwareAddr) bool {
	return w.has(workdir.Approval{Kind: workdir.ApproveMachine, Name: mac.String()})
}

// reinstalls says whether a node is to boot from the network although it is installed.
func (w *word) reinstalls(node string) bool {
	return w.has(workdir.Approval{Kind: workdir.ApproveReinstall, Name: node})
}

func (w *word) has(a workdir.Approval) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.dir.ApprovalsChanged()
	if now := w.now(); w.said == nil || now.Sub(w.read) >= wordAge || !changed.Equal(w.changed) {
		w.refresh()
		w.read, w.changed = now, changed
	}
	return w.said[a]
}

// refresh needs the lock. When nothing can be read at all, what was said before holds; trouble is told once.
func (w *word) refresh() {
	list, err := w.dir.Approvals()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != w.trouble && err != nil {
		w.log.Warn("not all approvals can be read", "error", err)
	}
	w.trouble = text
	if err != nil && list == nil && w.said != nil {
		return
	}
	w.said = make(map[workdir.Approval]bool, len(list))
	for _, a := range list {
		w.said[workdir.Approval{Kind: a.Kind, Name: a.Name}] = true
	}
}
