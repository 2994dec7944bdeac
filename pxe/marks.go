// SPDX-License-Identifier: Apache-2.0

package pxe

import "sync"

// marks say which machines boot from their disks. They may be used concurrently.
type marks struct {
	mu     sync.Mutex
	byName map[string]mark
}

// mark is one machine's. The zero value is none.
type mark struct {
	// installed: it has run from its disk, and boots from there until a reinstall is asked for.
	installed bool
	// given: it was given its config, and boots from its disk the next time.
	given bool
	// sent is who was sent to the disk since then; zero: nobody.
	sent asker
}

// asker is one way in which a machine netboots: a machine has several, which its firmware tries one after the other.
type asker struct{ mac, firmware string }

func newMarks() *marks { return &marks{byName: map[string]mark{}} }

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

// sentToDisk notes who was sent.
func (m *marks) sentToDisk(name string, who asker) {
	m.change(name, func(one *mark) { one.sent = who })
}

// asksAgain is told of each boot that begins. Who was sent to the disk before and asks again has booted anew, and a machine
// that was only given its config then gets Talos: it lost its power during the installation, or its firmware finds no
// boot loader (siderolabs/talos#12619). Other ways of the same machine are still the boot in which it was sent: firmware
// goes on to its next network device before it comes to the disk.
func (m *marks) asksAgain(name string, who asker) {
	m.change(name, func(one *mark) {
		if one.sent == who {
			one.given, one.sent = false, asker{}
		}
	})
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
