// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound how many requests are read and handled, so that a flood on the network leaves the rest of the server working. The
// zero value has the defaults.
type Limits struct {
	// PerMachine is how many requests a second one MAC may send for long, and five times that at once. Firmware sends
	// about ten for each of the two or three programs it starts. Zero: 10.
	PerMachine rate.Limit
	// Strangers is how many requests a second all MACs that are not Known may send together for long, and twice that
	// at once. Zero: 2000, enough for 500 machines switched on together, and a twentieth of what one core can answer.
	Strangers rate.Limit
	// Known tells MACs that only their own limit holds for, so that a flood from made-up ones does not drown them. It
	// must be quick, and true for a bounded number of MACs. Nil: all are strangers.
	Known func(net.HardwareAddr) bool
}

// Defaults of Limits.
const (
	perMachine = 10
	strangers  = 2000
)

// maxBuckets bounds the memory about strangers: about 1 MB.
const maxBuckets = 8192

// Limiter keeps Limits. Make it with NewLimiter; it may be used concurrently.
type Limiter struct {
	limits  Limits
	all     *rate.Limiter // of strangers
	dropped atomic.Uint64

	mu       sync.Mutex
	known    map[[6]byte]*rate.Limiter
	stranger map[[6]byte]*rate.Limiter
}

// NewLimiter makes one.
func NewLimiter(limits Limits) *Limiter {
	if limits.PerMachine == 0 {
		limits.PerMachine = perMachine
	}
	if limits.Strangers == 0 {
		limits.Strangers = strangers
	}
	if limits.Known == nil {
		limits.Known = func(net.HardwareAddr) bool { return false }
	}
	return &Limiter{
		limits:   limits,
		all:      rate.NewLimiter(limits.Strangers, max(1, int(2*limits.Strangers))),
		known:    map[[6]byte]*rate.Limiter{},
		stranger: map[[6]byte]*rate.Limiter{},
	}
}

// Allow tells whether a request of this MAC, which has six bytes, may be handled now. A nil Limiter allows everything.
func (l *Limiter) Allow(mac net.HardwareAddr, now time.Time) bool {
	if l == nil {
		return true
	}
	var allowed bool
	if l.limits.Known(mac) {
		allowed = l.bucket(l.known, mac).AllowN(now, 1)
	} else { // the own limit first, so that one stranger does not use up what is for all
		allowed = l.bucket(l.stranger, mac).AllowN(now, 1) && l.all.AllowN(now, 1)
	}
	if !allowed {
		l.dropped.Add(1)
	}
	return allowed
}

// Dropped counts the requests that were not allowed.
func (l *Limiter) Dropped() uint64 { return l.dropped.Load() }

// bucket finds a machine's own limit. A table full of strangers is forgotten at once: what counts in a flood is the
// limit of all, and who is forgotten only gets a new start.
func (l *Limiter) bucket(table map[[6]byte]*rate.Limiter, mac net.HardwareAddr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := table[[6]byte(mac)]
	if own == nil {
		if len(table) >= maxBuckets {
			clear(table)
		}
		own = rate.NewLimiter(l.limits.PerMachine, max(1, int(5*l.limits.PerMachine)))
		table[[6]byte(mac)] = own
	}
	return own
}
