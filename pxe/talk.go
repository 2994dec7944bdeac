// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"time"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Talk is the memory of how a machine's firmware is told its boot file: which of the ProxyDHCP dialects it is in, and
// whether it followed. There is no way to know beforehand which one a firmware takes.
type Talk struct {
	Firmware string       `json:"firmware,omitempty"` // the dialect is one of this firmware; "" before the first offer
	Dialect  dhcp.Dialect `json:"dialect"`
	// Works: the machine has fetched a file after an offer in this dialect.
	Works bool `json:"works,omitempty"`
	// Offered is when the last offer was made. Followed: the machine came for something since.
	Offered  time.Time `json:"offered,omitzero"`
	Followed bool      `json:"followed,omitempty"`
	// Missed counts the offers in a row that were not followed.
	Missed int `json:"missed,omitempty"`
}

const (
	// A DISCOVER this long after the last offer, or from a machine that says it has been asking this long, is a new try:
	// firmware asks at 0, 4, 12 and 28 seconds. Sooner it is the same one, come twice.
	retryAfter  = 2 * time.Second
	retrySecond = 3
	// patience with a dialect that worked before: the machine may have been switched off, or lost packets.
	patience = 3
)

// next is the dialect for the next offer to a firmware. secs is the packet's own count of seconds. A dialect that was not
// followed gives way to the next one, and one that worked before only after some offers in vain. In the order of the
// dialects each gets its turn within one boot, since firmware asks four times.
func (t Talk) next(name string, first dhcp.Dialect, secs uint16, now time.Time) Talk {
	if t.Firmware != name {
		return Talk{Firmware: name, Dialect: first, Offered: now}
	}
	isRetry := !t.Followed && (now.Sub(t.Offered) >= retryAfter || secs >= retrySecond)
	if !isRetry {
		if t.Followed {
			t.Missed = 0
		}
		t.Offered, t.Followed = now, false
		return t
	}
	t.Missed++
	if !t.Works || t.Missed >= patience {
		t.Dialect = (t.Dialect + 1) % (dhcp.HeaderOnly + 1)
		t.Works = false
		t.Missed = 0
	}
	t.Offered = now
	return t
}

// follow notes that the machine came for something; fetched says that it was a file.
func (t Talk) follow(fetched bool) Talk {
	if t.Firmware == "" {
		return t
	}
	t.Followed = true
	t.Works = t.Works || fetched
	return t
}
