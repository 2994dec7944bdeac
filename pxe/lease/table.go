// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	// offerTime is how long an offer waits for the machine. Firmware takes it within seconds.
	offerTime = time.Minute
	// restTime is how long an address rests that is in use by somebody else.
	restTime = 10 * time.Minute
)

// Table knows who has which address. Make it with Open; all methods may be called concurrently.
type Table struct {
	config   Config
	excluded map[netip.Addr]bool

	mu        sync.Mutex
	byMAC     map[hardware]*entry   // a machine's latest
	byAddress map[netip.Addr]*entry // every address that is or was in use
	next      netip.Addr            // the pool's addresses from here on were never used
	full      time.Time             // no address of the pool comes free before
	changes   uint64                // counts what the file does not know yet

	file file
}

// hardware is a MAC as a key.
type hardware [6]byte

// entry is one address's state. An address whose time is over stays with its machine until another needs it.
type entry struct {
	address  netip.Addr
	mac      hardware
	clientID []byte
	state    State // Offered, Bound or Declined
	until    time.Time
	probing  bool // whether it is in use is being looked at
}

func (e *entry) isOver(now time.Time) bool { return !now.Before(e.until) }

// Answer decides about one message. It may wait for a probe and for the disk: what it gives is on the disk before it
// returns.
func (t *Table) Answer(ctx context.Context, q Query) Outcome {
	if len(q.MAC) != 6 {
		return silent("has no Ethernet address")
	}
	if !q.Server.IsValid() {
		q.Server = t.config.Server
	}
	switch q.Kind {
	case Discover:
		return t.discover(ctx, q)
	case Request:
		return t.request(q)
	case Decline:
		return t.decline(q)
	case Release:
		return t.release(q)
	case Inform:
		if !t.config.Subnet.Contains(q.Client) {
			return silent("has an address of another network: %s", q.Client)
		}
		return Outcome{Address: q.Client}
	default:
		return silent("message %d is not about addresses", q.Kind)
	}
}

// give makes an address a machine's. The caller holds the lock and has seen that it may.
func (t *Table) give(q Query, address netip.Addr, state State, until time.Time) *entry {
	mac := hardware(q.MAC)
	if old := t.byAddress[address]; old != nil && t.byMAC[old.mac] == old {
		delete(t.byMAC, old.mac)
	}
	// An offer that was not taken is given back. A lease for another address stays until it is over, since the machine
	// may use it still.
	if old := t.byMAC[mac]; old != nil && old.address != address && old.state == Offered {
		t.free(old)
	}
	e := &entry{address: address, mac: mac, clientID: q.ClientID, state: state, until: until}
	t.byAddress[address] = e
	t.byMAC[mac] = e
	return e
}

// free ends an address's state now. The machine still gets it again if it comes before others.
func (t *Table) free(e *entry) {
	e.until = t.config.Now()
	t.full = time.Time{}
}

// rest keeps an address from everybody for a while.
func (t *Table) rest(e *entry) {
	if t.byMAC[e.mac] == e {
		delete(t.byMAC, e.mac)
	}
	e.state, e.until, e.probing = Declined, t.config.Now().Add(restTime), false
}

// obstacle says why a machine can't have an address now; empty when it can.
func (t *Table) obstacle(q Query, address netip.Addr) string {
	e := t.byAddress[address]
	switch {
	case address != q.Fixed && !t.inPool(address):
		return "is not in the pool"
	case !t.config.Subnet.Contains(address):
		return "is not in " + t.config.Subnet.String()
	case e == nil || e.isOver(t.config.Now()):
		return ""
	case e.state == Declined:
		return "is in use by another host"
	case e.mac != hardware(q.MAC):
		return "is in use by " + q.nameOf(e.mac)
	default:
		return ""
	}
}

// holder is who else has a machine's fixed address from us; zero when nobody has.
func (t *Table) holder(q Query) hardware {
	e := t.byAddress[q.Fixed]
	if e == nil || e.state == Declined || e.mac == hardware(q.MAC) || e.isOver(t.config.Now()) {
		return hardware{}
	}
	return e.mac
}
