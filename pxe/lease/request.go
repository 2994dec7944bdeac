// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"net/netip"
)

// request gives an address (RFC 2131 section 4.3.2): a machine takes our offer (option 54 names us), wants the address
// back that it had before it was restarted (option 50 alone), or wants to keep the one it uses (ciaddr).
func (t *Table) request(q Query) Outcome {
	outcome, change := t.decide(q)
	if !outcome.Address.IsValid() {
		return outcome
	}
	if err := t.save(change); err != nil {
		return silent("%s could not be written down: %v", outcome.Address, err)
	}
	return outcome
}

// decide also returns the number of the change that must be on the disk before the answer is sent.
func (t *Table) decide(q Query) (Outcome, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.byMAC[hardware(q.MAC)]
	if q.Chosen.IsValid() && q.Chosen != q.Server {
		if own != nil && own.state == Offered {
			t.free(own)
		}
		return silent("takes the offer of %s", q.Chosen), 0
	}
	want := q.Requested
	if !want.IsValid() {
		want = q.Client
	}
	if outcome := t.contradict(q, own, want); outcome != (Outcome{}) {
		return outcome, 0
	}
	e := t.give(q, want, Bound, t.config.Now().Add(t.config.Time))
	t.changes++
	outcome := Outcome{Address: e.address, Time: t.config.Time}
	if q.Fixed.IsValid() && q.Fixed != want {
		outcome.Note = "its fixed address " + q.Fixed.String() + " " + t.obstacle(q, q.Fixed)
		outcome.HeldBy = t.holder(q)
	}
	return outcome, t.changes
}

// contradict says what is wrong with the address a machine wants. The zero Outcome means nothing. Machines we know
// nothing of may be another server's, as may those that we only offered something, so they get no answer, and neither
// does what is about other networks.
func (t *Table) contradict(q Query, own *entry, want netip.Addr) Outcome {
	known := own != nil && own.state == Bound || q.Fixed.IsValid()
	switch {
	case !want.IsValid():
		return silent("asks for no address")
	case !known && !q.Chosen.IsValid():
		return silent("wants to keep %s, of which nothing is known here", want)
	case !t.config.Subnet.Contains(want):
		if q.Relayed || !known {
			return silent("wants %s, which is of another network", want)
		}
		return refuse("%s is not in %s", want, t.config.Subnet)
	case want == q.Fixed:
	case q.Fixed.IsValid() && t.obstacle(q, q.Fixed) == "":
		return refuse("its address is %s", q.Fixed)
	case own != nil && own.address != want:
		return refuse("its address is %s", own.address)
	}
	if obstacle := t.obstacle(q, want); obstacle != "" {
		return refuse("%s %s", want, obstacle)
	}
	return Outcome{}
}

// decline is told by a machine that found its new address in use (RFC 2131 section 4.3.3).
func (t *Table) decline(q Query) Outcome {
	return t.giveBack(q, q.Requested, func(e *entry) { t.rest(e) })
}

// release ends a lease early (RFC 2131 section 4.3.4).
func (t *Table) release(q Query) Outcome {
	return t.giveBack(q, q.Client, t.free)
}

func (t *Table) giveBack(q Query, address netip.Addr, how func(*entry)) Outcome {
	t.mu.Lock()
	e := t.byMAC[hardware(q.MAC)]
	if e == nil || e.address != address || q.Chosen.IsValid() && q.Chosen != q.Server {
		t.mu.Unlock()
		return silent("gives back %s, which is not its address here", address)
	}
	how(e)
	t.changes++
	change := t.changes
	t.mu.Unlock()
	if err := t.save(change); err != nil {
		return silent("gave back %s, which could not be written down: %v", address, err)
	}
	return silent("gave back %s", address)
}
