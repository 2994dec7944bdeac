// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// maxProbes is how many addresses in use are found in one question before the machine is let wait: it asks again in a
// few seconds, and each probe takes half a second.
const maxProbes = 3

// discover offers an address (RFC 2131 section 4.3.1).
func (t *Table) discover(ctx context.Context, q Query) Outcome {
	for range maxProbes {
		e, outcome := t.offer(q)
		if e == nil {
			return outcome
		}
		if !t.config.Taken(ctx, e.address) {
			t.probed(e, false)
			return outcome
		}
		t.probed(e, true)
	}
	return silent("the last %d addresses of the pool that were tried are in use by other hosts", maxProbes)
}

// offer holds an address for a machine. The entry is not nil when it must be probed first.
func (t *Table) offer(q Query) (*entry, Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	own := t.byMAC[hardware(q.MAC)]
	if own != nil && own.probing {
		return nil, silent("whether %s is in use is being looked at", own.address)
	}
	note := ""
	if q.Fixed.IsValid() {
		obstacle := t.obstacle(q, q.Fixed)
		if obstacle == "" {
			return nil, t.offered(q, q.Fixed)
		}
		note = "its fixed address " + q.Fixed.String() + " " + obstacle
	}
	if own != nil && t.obstacle(q, own.address) == "" {
		outcome := t.offered(q, own.address)
		outcome.Note, outcome.HeldBy = note, t.holder(q)
		return nil, outcome // without a probe: it may be the machine itself that answers
	}
	address, reason := t.choose(q, now)
	if reason != "" {
		if note != "" {
			reason = note + ", and " + reason
		}
		return nil, silent("%s", reason)
	}
	outcome := t.offered(q, address)
	outcome.Note, outcome.HeldBy = note, t.holder(q)
	if t.config.Taken == nil || q.Relayed {
		return nil, outcome
	}
	e := t.byAddress[address]
	e.probing = true
	return e, outcome
}

// offered makes an offer, unless the address is the machine's already, for longer.
func (t *Table) offered(q Query, address netip.Addr) Outcome {
	until := t.config.Now().Add(offerTime)
	own := t.byAddress[address]
	if own == nil || own.mac != hardware(q.MAC) || own.state != Bound || own.until.Before(until) {
		t.give(q, address, Offered, until)
	}
	return Outcome{Address: address, Time: t.config.Time}
}

// choose finds an address of the pool that nobody has: the one the machine asks for, else one that was never used, else
// one that was only offered, else the one that was given back longest ago.
func (t *Table) choose(q Query, now time.Time) (address netip.Addr, reason string) {
	if !t.config.First.IsValid() {
		return netip.Addr{}, "there is no pool"
	}
	if q.Requested.IsValid() && t.byAddress[q.Requested] == nil && t.inPool(q.Requested) {
		return q.Requested, ""
	}
	for ; !t.config.Last.Less(t.next) && t.next.IsValid(); t.next = t.next.Next() {
		if t.byAddress[t.next] == nil && t.inPool(t.next) {
			return t.next, ""
		}
	}
	if now.Before(t.full) {
		return netip.Addr{}, t.exhausted()
	}
	return t.reuse(now)
}

func (t *Table) exhausted() string {
	return "no address of the pool " + t.config.First.String() + "-" + t.config.Last.String() + " is free"
}

// reuse looks through all addresses, which takes milliseconds in the largest pool, so it notes when to look again.
func (t *Table) reuse(now time.Time) (netip.Addr, string) {
	var best *entry
	var first time.Time
	for _, e := range t.byAddress {
		switch {
		case !t.inPool(e.address):
		case !e.isOver(now):
			if first.IsZero() || e.until.Before(first) {
				first = e.until
			}
		case best == nil || e.goesBefore(best):
			best = e
		}
	}
	if best == nil {
		t.full = first
		return netip.Addr{}, t.exhausted()
	}
	return best.address, ""
}

func (e *entry) goesBefore(other *entry) bool {
	if (e.state == Offered) != (other.state == Offered) {
		return e.state == Offered
	}
	if !e.until.Equal(other.until) {
		return e.until.Before(other.until)
	}
	return e.address.Less(other.address)
}

// probed takes up what a probe found.
func (t *Table) probed(e *entry, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.probing = false
	if taken && t.byAddress[e.address] == e {
		t.rest(e)
	}
}

// nameOf is the MAC of who has an address.
func (q Query) nameOf(mac hardware) string { return net.HardwareAddr(mac[:]).String() }
