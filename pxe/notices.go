// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// NoticeKind is what a notice is about. It is a public contract.
type NoticeKind string

// The kinds.
const (
	ForeignPXE       NoticeKind = "foreign-pxe"       // another server on the network tells machines what to boot
	ForeignDHCP      NoticeKind = "foreign-dhcp"      // another server gives addresses although this one does
	NoDHCP           NoticeKind = "no-dhcp"           // nobody gives addresses
	DuplicateAddress NoticeKind = "duplicate-address" // two machines, or one and the bastion, use one address
	CameBack         NoticeKind = "came-back"         // a machine that was sent to its disk netboots again
	NotWatched       NoticeKind = "not-watched"       // other servers can't be seen, for lack of a right
)

// Notice is something on the network that an operator should know. It is of what packets claim, as everything here.
type Notice struct {
	Kind NoticeKind `json:"kind"`
	// Subject tells notices of a kind apart: an address, a node's name, an interface.
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Hint    string    `json:"hint,omitempty"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
}

// maxNotices bounds the memory: whoever floods the network would fill it.
const maxNotices = 64

// notices keeps what was noticed, each once. It may be used concurrently.
type notices struct {
	now func() time.Time
	// tell is told of each new one.
	tell func(Notice)

	mu      sync.Mutex
	byKey   map[noticeKey]*Notice
	changes uint64
}

type noticeKey struct {
	kind    NoticeKind
	subject string
}

func newNotices(now func() time.Time, tell func(Notice)) *notices {
	return &notices{now: now, tell: tell, byKey: map[noticeKey]*Notice{}}
}

// noticeLife is how long a notice stays after it was last seen to be true: what happens again after that is new.
const noticeLife = time.Hour

// add notes something, or that it goes on.
func (l *notices) add(n Notice) {
	if known := l.note(n); !known {
		l.tell(n)
	}
}

func (l *notices) note(n Notice) (known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	now := l.now()
	l.forget(now)
	key := noticeKey{n.Kind, n.Subject}
	if old, ok := l.byKey[key]; ok {
		old.Last, old.Text, old.Hint = now, n.Text, n.Hint
		old.Count++
		return true
	}
	if len(l.byKey) >= maxNotices {
		oldest := slices.MinFunc(slices.Collect(maps.Values(l.byKey)), func(a, b *Notice) int { return a.Last.Compare(b.Last) })
		delete(l.byKey, noticeKey{oldest.Kind, oldest.Subject})
	}
	n.First, n.Last, n.Count = now, now, 1
	l.byKey[key] = &n
	return false
}

// clear takes a notice back. One that is not there is no change.
func (l *notices) clear(kind NoticeKind, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := noticeKey{kind, subject}
	if _, ok := l.byKey[key]; ok {
		delete(l.byKey, key)
		l.changes++
	}
}

// forget needs the lock.
func (l *notices) forget(now time.Time) {
	for key, n := range l.byKey {
		if now.Sub(n.Last) > noticeLife && key.kind != NotWatched && key.kind != NoDHCP { // these hold until they are cleared
			delete(l.byKey, key)
			l.changes++
		}
	}
}

// restore takes up an earlier server's, but for what is looked for anew at the start.
func (l *notices) restore(list []Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range list[:min(len(list), maxNotices)] {
		if n.Kind != NotWatched && n.Kind != NoDHCP {
			l.byKey[noticeKey{n.Kind, n.Subject}] = &n
		}
	}
}

// list returns copies, by kind and subject.
func (l *notices) list() []Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(l.now())
	list := make([]Notice, 0, len(l.byKey))
	for _, n := range l.byKey {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return list
}

// recorded counts what was noted and cleared so far.
func (l *notices) recorded() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

func cameBack(node string, after time.Duration) Notice {
	return Notice{
		Kind: CameBack, Subject: node,
		Text: fmt.Sprintf("%s netboots again %s after it was sent to its disk", node, after.Round(time.Second)),
		Hint: "look at its console: the firmware found nothing to boot there, or is set to try the network only; " +
			"if its disk is new or empty: cozy-install pxe reinstall " + node,
	}
}

func duplicateAddress(addr netip.Addr, one, other net.HardwareAddr) Notice {
	return Notice{
		Kind: DuplicateAddress, Subject: addr.String(),
		Text: fmt.Sprintf("address %s is used by %s and by %s", addr, one, other),
		Hint: "two DHCP servers with the same range, or a host with a fixed address inside it",
	}
}

func reservedInUse(m Machine, note string) Notice {
	return Notice{
		Kind: DuplicateAddress, Subject: m.Address.String(),
		Text: fmt.Sprintf("%s is given an address of the pool, since %s", m.Name, note),
		Hint: "find the host that uses it: arping " + m.Address.String() + "; or give the node another address in the site file",
	}
}
