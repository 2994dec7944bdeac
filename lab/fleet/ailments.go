// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// ClockOff sets the machine's clock ahead of everybody's, or behind with a negative time, until Clear.
func ClockOff(by time.Duration) Fault { return func(o *orders) { o.ailing.ClockOffset = by } }

// ClockHidden keeps the machine from telling the time, until Clear.
func ClockHidden() Fault { return func(o *orders) { o.ailing.ClockHidden = true } }

// Diagnosed has the machine find something out about itself, by the id that Talos gives such things, until Clear.
func Diagnosed(id, message string) Fault {
	return func(o *orders) {
		diagnostics := map[string]string{id: message}
		for known, text := range o.ailing.Diagnostics {
			diagnostics[known] = text
		}

		o.ailing.Diagnostics = diagnostics // another map: the old one may be in somebody's hands
	}
}

// LittleMemory leaves the machine with less memory than a server should have, in bytes, until Clear.
func LittleMemory(bytes uint64) Fault { return func(o *orders) { o.ailing.Memory = bytes } }

// ailments is what talosim asks.
func (o *orders) ailments() talosim.Ailments {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.ailing
}
