// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"sync"
	"time"
)

// marks say which machines boot from their disks. They may be used concurrently.
type marks struct {
	now func() time.Time

	mu     sync.Mutex
	byName map[string]mark
}

// mark is one machine's. The zero value is none.
type mark struct {
	// installed: it has run from its disk, and boots from there until a reinstall is asked for.
	installed bool
	// given: it was given its config, and boots from its disk the next time.
	given bool
	// sent are the ways in which it was sent to its disk in its present boot, and when. Nil: none.
	sent map[asker]time.Time
}

// asker is one way in which a machine netboots: a machine has several, which its firmware tries one after the other.
type asker struct{ mac, firmware string }

// maxWays is more cards and kinds of firmware than a machine has. Those who only claim to be it get no more.
const maxWays = 16

// comeBackWithin is how soon after it was sent to its disk a machine that netboots again has not booted from there:
// nobody switches a machine off in its first minutes.
const comeBackWithin = 15 * time.Minute

func newMarks(now func() time.Time) *marks { return &marks{now: now, byName: map[string]mark{}} }

func (m *marks) change(name string, change func(*mark)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.byName[name]
	change(&one)
	m.byName[name] = one
}

// fromDisk says whether a machine boots from its disk now. The stranger's name never does.
func (m *marks) fromDisk(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.byName[name]
	return name != "" && (one.installed || one.given)
}

// sentToDisk notes the way in which a machine was sent.
func (m *marks) sentToDisk(name string, way asker) {
	m.change(name, func(one *mark) {
		if one.sent == nil || len(one.sent) >= maxWays {
			one.sent = map[asker]time.Time{}
		}
		one.sent[way] = m.now()
	})
}

// asksAgain is told of each way in which a machine begins to netboot. One that it was sent to its disk by before is a new
// boot, and a machine that was only given its config then gets Talos: it lost its power during the installation, or its
// firmware finds no boot loader (siderolabs/talos#12619). Other ways are still the boot in which it was sent: firmware goes
// through its network devices before it comes to the disk.
//
// Back says that the new boot came so soon that the disk can't have been booted, and after how soon.
func (m *marks) asksAgain(name string, way asker) (after time.Duration, back bool) {
	m.change(name, func(one *mark) {
		at, isNew := one.sent[way]
		if !isNew {
			return
		}
		one.given, one.sent = false, nil
		after = m.now().Sub(at)
		back = after < comeBackWithin
	})
	return after, back
}

// BootFromDisk makes the machine of that name boot from its disk the next time it netboots: call it when the machine was
// given its config. Only the next time, because a machine that comes back has nothing there to boot. It then gets Talos,
// which takes up the config on the disk if there is one. A name that is not of the site marks nothing.
func (s *Server) BootFromDisk(name string) {
	s.marks.change(name, func(one *mark) { *one = mark{given: true} })
}

// Installed makes the machine of that name boot from its disk until a reinstall is asked for or it is given a config again:
// call it when the machine was seen running with its config.
func (s *Server) Installed(name string) {
	s.marks.change(name, func(one *mark) { one.installed = true })
}
