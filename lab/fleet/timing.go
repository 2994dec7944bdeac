// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// Timing is how long things take on a real machine, before the clock shortens them. A zero field means the value beside
// it; real servers take minutes where these take seconds, and behave the same.
type Timing struct {
	POST      time.Duration // 20 s: from power or reset to the first boot device
	BootRetry time.Duration // 10 s: from "no bootable device" to the next round
	OS        talosim.Timing
}

func (t Timing) withDefaults() Timing {
	if t.POST == 0 {
		t.POST = 20 * time.Second
	}

	if t.BootRetry == 0 {
		t.BootRetry = 10 * time.Second
	}

	t.OS = t.OS.WithDefaults()

	return t
}
