// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Stage is how far a machine has come in its present boot.
type Stage string

// The stages in order. A machine that starts anew goes back to StageOffered.
const (
	StageSeen      Stage = "seen"      // asked, and was ignored
	StageOffered   Stage = "offered"   // was told about a loader or a script
	StageLoader    Stage = "loader"    // has fetched iPXE
	StageScript    Stage = "script"    // has fetched its script
	StageKernel    Stage = "kernel"    // has fetched the kernel
	StageInitramfs Stage = "initramfs" // has fetched the initramfs: Talos starts
	StageDisk      Stage = "disk"      // was sent to its disk
)

// Event is one packet or request of a machine.
type Event struct {
	Time     time.Time
	What     string // "DHCPDISCOVER", "TFTP undionly.kpxe", ...
	Answered bool
	Reason   string // why it was answered so, or ignored
}

// Sighting is what is known of one network card that asked for something; a machine with several may have several. All
// of it is only claimed: whoever acts on it checks the machine's identity first.
type Sighting struct {
	Machine string // the site's name for it; "" for a stranger
	MAC     net.HardwareAddr
	UUID    string // lower case; "" when never told
	Stage   Stage
	// LastAddr is where its last HTTP, TFTP or boot service request came from. Zero: none came yet, or only TFTP
	// requests, which carry no MAC. Talos asks DHCP again and may get another address.
	LastAddr netip.Addr
	LastSeen time.Time
	Events   []Event // the last of them, oldest first
}

const (
	maxEvents   = 64   // of a machine: about six boots
	maxMachines = 1024 // remembered at once, with those that only claim to be of the site
)

// history remembers machines. It may be used concurrently.
type history struct {
	now func() time.Time

	mu     sync.Mutex
	byMAC  map[string]*Sighting
	byAddr map[netip.Addr]string // key of byMAC: who used an address last
}

func newHistory(now func() time.Time) *history {
	return &history{now: now, byMAC: map[string]*Sighting{}, byAddr: map[netip.Addr]string{}}
}

// note is one thing to remember. Zero fields change nothing.
type note struct {
	machine  string
	uuid     string
	addr     netip.Addr
	stage    Stage
	what     string
	answered bool
	reason   string
}

// record remembers what the machine with a MAC did.
func (h *history) record(mac net.HardwareAddr, n note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.byMAC[string(mac)]
	if !ok {
		h.makeRoom()
		s = &Sighting{MAC: slices.Clone(mac), Stage: StageSeen}
		h.byMAC[string(mac)] = s
	}
	s.UUID = cmp.Or(n.uuid, s.UUID)
	if n.addr.IsValid() {
		h.forgetAddr(s) // one address a machine, so that a liar can't fill the memory
		h.byAddr[n.addr] = string(mac)
	}
	h.apply(s, n)
}

// recordAddr remembers what the machine that used an address last did, and returns its MAC; nil when nobody did.
func (h *history) recordAddr(n note) net.HardwareAddr {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.byMAC[h.byAddr[n.addr]]
	if !ok {
		return nil
	}
	h.apply(s, n)
	return s.MAC
}

// apply needs the lock.
func (h *history) apply(s *Sighting, n note) {
	now := h.now()
	s.Machine = cmp.Or(n.machine, s.Machine)
	s.Stage = cmp.Or(n.stage, s.Stage)
	s.LastSeen = now
	if n.addr.IsValid() {
		s.LastAddr = n.addr
	}
	s.Events = append(s.Events, Event{Time: now, What: n.what, Answered: n.answered, Reason: n.reason})
	if extra := len(s.Events) - maxEvents; extra > 0 {
		s.Events = slices.Delete(s.Events, 0, extra)
	}
}

// makeRoom drops a quarter of the machines when there are too many: strangers before those of the site, and who was not
// seen for longest first. It needs the lock.
func (h *history) makeRoom() {
	if len(h.byMAC) < maxMachines {
		return
	}
	list := slices.SortedFunc(maps.Values(h.byMAC), func(a, b *Sighting) int {
		return cmp.Or(falseFirst(a.Machine != "", b.Machine != ""), a.LastSeen.Compare(b.LastSeen))
	})
	for _, s := range list[:maxMachines/4] {
		h.forgetAddr(s)
		delete(h.byMAC, string(s.MAC))
	}
}

// forgetAddr needs the lock.
func (h *history) forgetAddr(s *Sighting) {
	if h.byAddr[s.LastAddr] == string(s.MAC) {
		delete(h.byAddr, s.LastAddr)
	}
}

// sightings returns copies, machines of the site by name first, then strangers by MAC.
func (h *history) sightings() []Sighting {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Sighting, 0, len(h.byMAC))
	for _, s := range h.byMAC {
		c := *s
		c.Events = slices.Clone(s.Events)
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Sighting) int {
		return cmp.Or(
			falseFirst(a.Machine == "", b.Machine == ""),
			cmp.Compare(a.Machine, b.Machine),
			slices.Compare(a.MAC, b.MAC),
		)
	})
	return list
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
