// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// What the answering side asks the history.

// nameOf is the site's name for the machine with a MAC, as far as it told who it is; "" for others.
func (h *history) nameOf(mac net.HardwareAddr) string { return h.look(mac).Machine }

// firmwareOf is the firmware with which a machine last began to netboot.
func (h *history) firmwareOf(mac net.HardwareAddr) string { return h.look(mac).Firmware }

// maxAddrs is how many addresses one machine has: more is a liar, and somebody will ask at each of them.
const maxAddrs = 8

// addrsOf are the addresses that the cards of a machine used last, the latest first.
func (h *history) addrsOf(name string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	var cards []*Sighting
	for _, s := range h.byMAC {
		if s.Machine == name && s.LastAddr.IsValid() {
			cards = append(cards, s)
		}
	}
	slices.SortFunc(cards, func(a, b *Sighting) int { return b.LastSeen.Compare(a.LastSeen) })
	var out []netip.Addr
	for _, s := range cards {
		if len(out) < maxAddrs && !slices.Contains(out, s.LastAddr) {
			out = append(out, s.LastAddr)
		}
	}
	return out
}

// census counts network cards by stage, those of the site and strangers apart.
func (h *history) census() map[census]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := map[census]int{}
	for _, s := range h.byMAC {
		counts[census{s.Stage, s.Machine != ""}]++
	}
	return counts
}

type census struct {
	stage Stage
	known bool
}

// look returns a copy without the events.
func (h *history) look(mac net.HardwareAddr) Sighting {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.byMAC[[6]byte(mac)]; ok {
		c := *s
		c.Events = nil
		return c
	}
	return Sighting{}
}

// nextTalk is how firmware is told its boot file this time. Who takes an offer of ours is told what the offer said.
func (h *history) nextTalk(r dhcp.Request, name string, first dhcp.Dialect) Talk {
	talk := h.look(r.MAC).Talk
	if r.Message == dhcp.Ask && talk.Firmware == name {
		return talk
	}
	return talk.next(name, first, r.Secs, h.now())
}

// holdFor is how long an address is taken to be in use by the machine that used it last.
const holdFor = time.Minute

// holder is another machine that used an address in the last minute; nil when there is none.
func (h *history) holder(addr netip.Addr, mac net.HardwareAddr) net.HardwareAddr {
	h.mu.Lock()
	defer h.mu.Unlock()
	key, ok := h.byAddr[addr]
	if !ok || key == [6]byte(mac) {
		return nil
	}
	s := h.byMAC[key]
	used := s.LastSeen
	if s.Chosen.After(used) { // by its operating system, of which nothing else is remembered
		used = s.Chosen
	}
	if h.now().Sub(used) > holdFor {
		return nil
	}
	return slices.Clone(s.MAC)
}
