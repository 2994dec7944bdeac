// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Config is everything a Table needs.
type Config struct {
	// Subnet is the machines' network, and all that the table speaks for. IPv4.
	Subnet netip.Prefix
	// First and Last are the pool's ends, both in it: at most 65536 addresses. Zero: there are only reservations.
	First, Last netip.Addr
	// Excluded addresses are not given from the pool: those of the router and other hosts, and every reservation. The
	// subnet's own two and Server need not be named.
	Excluded []netip.Addr
	// Server is our own address, which machines name when they take an offer of ours. With several, Query names it.
	Server netip.Addr
	// Time is how long an address may be used. Zero: an hour.
	Time time.Duration
	// File keeps the leases, with mode 0600. Its directory must exist, and no other process may write it. Empty: they
	// are lost with the process.
	File string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Taken looks whether a host uses an address that is about to be offered from the pool, which may take half a
	// second. It is not asked for machines behind relays: ARP does not get there. Nil: nobody looks.
	Taken func(context.Context, netip.Addr) bool
}

const (
	maxPool     = 1 << 16
	defaultTime = time.Hour
)

func (c Config) withDefaults() Config {
	c.Time = cmp.Or(c.Time, defaultTime)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Subnet = c.Subnet.Masked()
	return c
}

// check refuses a configuration that can't work.
func (c Config) check() error {
	if !c.Subnet.IsValid() || !c.Subnet.Addr().Is4() {
		return fmt.Errorf("leases: subnet %s: want an IPv4 network", c.Subnet)
	}
	if !c.Server.Is4() {
		return fmt.Errorf("leases: server address %s: want IPv4", c.Server)
	}
	if c.Time < 0 || c.Time > maxTime {
		return fmt.Errorf("leases: lease time %s: want at most %s", c.Time, maxTime)
	}
	if c.First == c.Last && !c.First.IsValid() {
		return nil
	}
	return c.checkPool()
}

// maxTime is what option 51 can say without meaning forever.
const maxTime = (1<<32 - 2) * time.Second

func (c Config) checkPool() error {
	for _, end := range []netip.Addr{c.First, c.Last} {
		if !c.Subnet.Contains(end) {
			return fmt.Errorf("leases: pool %s-%s: %s is not in %s", c.First, c.Last, end, c.Subnet)
		}
	}
	if c.Last.Less(c.First) {
		return fmt.Errorf("leases: pool %s-%s: ends before it begins", c.First, c.Last)
	}
	if size := number(c.Last) - number(c.First) + 1; size > maxPool {
		return fmt.Errorf("leases: pool %s-%s: has %d addresses, want at most %d", c.First, c.Last, size, maxPool)
	}
	return nil
}

// number is an IPv4 address as one.
func number(a netip.Addr) uint32 {
	four := a.As4()
	return binary.BigEndian.Uint32(four[:])
}

// excluded collects what the pool must not give.
func (c Config) excluded() map[netip.Addr]bool {
	set := map[netip.Addr]bool{c.Server: true}
	for _, a := range c.Excluded {
		set[a] = true
	}
	if c.Subnet.Bits() < 31 { // RFC 3021: shorter ones have no such addresses
		set[c.Subnet.Addr()] = true
		last := number(c.Subnet.Addr()) | (1<<(32-c.Subnet.Bits()) - 1)
		set[netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, last)))] = true
	}
	return set
}

// inPool says whether an address may be given to anybody.
func (t *Table) inPool(a netip.Addr) bool {
	return t.config.First.IsValid() && !a.Less(t.config.First) && !t.config.Last.Less(a) && !t.excluded[a]
}

// Open makes a table, and reads the file when there is one. A file that it can't read is an error that names it: going
// on without would give addresses twice.
func Open(config Config) (*Table, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	t := &Table{
		config:    config,
		excluded:  config.excluded(),
		byMAC:     map[hardware]*entry{},
		byAddress: map[netip.Addr]*entry{},
		next:      config.First,
	}
	if config.File == "" {
		return t, nil
	}
	leases, err := readFile(config.File)
	if err != nil {
		return nil, &FileError{Path: config.File, Err: err}
	}
	for _, l := range leases {
		if config.Subnet.Contains(l.Address) { // else the site moved to another network
			t.load(l)
		}
	}
	return t, nil
}
