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

const (
	maxEvents   = 64   // of a machine: about six boots
	maxMachines = 2048 // remembered at once, with those that only claim to be of the site
)

// history remembers machines. It may be used concurrently.
type history struct {
	now func() time.Time

	mu      sync.Mutex
	byMAC   map[[6]byte]*Sighting
	byAddr  map[netip.Addr][6]byte // who used an address last
	changes uint64                 // counts what was recorded
}

func newHistory(now func() time.Time) *history {
	return &history{now: now, byMAC: map[[6]byte]*Sighting{}, byAddr: map[netip.Addr][6]byte{}}
}

// note is one thing to remember. Zero fields change nothing.
type note struct {
	machine  string
	uuid     string
	firmware string
	addr     netip.Addr
	stage    Stage
	what     string
	answered bool
	reason   string

	offer   string     // what it was told to fetch
	loading string     // the file it begins to fetch
	dhcp    netip.Addr // the server whose address it takes
	talk    *Talk      // the offer that was made
	follows bool       // it came for something after an offer
	fetched bool       // a file
}

// record remembers what the machine with a MAC did.
func (h *history) record(mac net.HardwareAddr, n note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(mac)
	s.UUID = cmp.Or(n.uuid, s.UUID)
	if n.addr.IsValid() && n.addr != s.LastAddr {
		h.forgetAddr(s) // one address a machine, so that a liar can't fill the memory
	}
	if n.addr.IsValid() {
		h.byAddr[n.addr] = [6]byte(mac)
	}
	h.apply(s, n)
}

// find needs the lock.
func (h *history) find(mac net.HardwareAddr) *Sighting {
	key := [6]byte(mac)
	s, ok := h.byMAC[key]
	if !ok {
		h.makeRoom()
		s = &Sighting{MAC: slices.Clone(mac), Stage: StageSeen, Since: h.now()}
		h.byMAC[key] = s
	}
	return s
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
	h.changes++
	s.Machine = cmp.Or(n.machine, s.Machine)
	s.Firmware = cmp.Or(n.firmware, s.Firmware)
	if n.addr.IsValid() {
		s.LastAddr = n.addr
	}
	if n.dhcp.IsValid() {
		s.Chosen, s.DHCP = now, n.dhcp
	}
	if n.what == "" {
		return // an operating system's own business
	}
	if n.stage != "" && n.stage != s.Stage && !n.stage.comesLate(s.Stage) {
		s.Stage, s.Since = n.stage, now
	}
	if n.stage == StageDisk {
		s.ToDisk = now
	}
	if n.offer != "" {
		s.Offer, s.OfferedAt = n.offer, now
	}
	if n.talk != nil {
		s.Talk = *n.talk
	}
	if n.follows || n.fetched {
		s.Talk = s.Talk.follow(n.fetched)
	}
	s.LastSeen, s.Loading = now, n.loading
	if n.loading != "" {
		return // it becomes an event when it ends
	}
	s.Events = append(s.Events, Event{Time: now, What: n.what, Answered: n.answered, Reason: n.reason, Stage: n.stage})
	if extra := len(s.Events) - maxEvents; extra > 0 {
		s.Events = slices.Delete(s.Events, 0, extra)
	}
}

// comesLate says that a transfer's end was told after what followed it: a machine runs its loader before the last
// acknowledgement of it is in. A boot that begins anew is told by an offer.
func (s Stage) comesLate(at Stage) bool {
	return s == StageLoader && slices.Contains([]Stage{StageScript, StageKernel, StageInitramfs, StageUKI, StageDisk}, at)
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
		delete(h.byMAC, [6]byte(s.MAC))
	}
}

// forgetAddr needs the lock.
func (h *history) forgetAddr(s *Sighting) {
	if h.byAddr[s.LastAddr] == [6]byte(s.MAC) {
		delete(h.byAddr, s.LastAddr)
	}
}

// sightings returns copies, machines of the site by name first, then strangers by MAC.
func (h *history) sightings() []Sighting {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Sighting, 0, len(h.byMAC))
	for _, s := range h.byMAC {
		list = append(list, s.clone())
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

// recorded counts what was recorded so far.
func (h *history) recorded() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

// restore takes up what an earlier server remembered.
func (h *history) restore(list []Sighting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range list[:min(len(list), maxMachines/2)] {
		c := s.clone()
		c.Events = c.Events[max(0, len(c.Events)-maxEvents):]
		h.byMAC[[6]byte(s.MAC)] = &c
		if s.LastAddr.IsValid() {
			h.byAddr[s.LastAddr] = [6]byte(s.MAC)
		}
	}
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
