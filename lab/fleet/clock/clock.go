// SPDX-License-Identifier: Apache-2.0

// Package clock is the simulated machines' sense of time: real durations of firmware and installers, shortened by a
// factor. It knows nothing of what is waited for. Still missing: a clock that stands still until a test moves it.
package clock

import (
	"context"
	"time"
)

// networkFloor is the shortest time that something waits for an answer from another process. A firmware's four seconds
// at a hundredfold speed would be 40 ms, less than a busy machine needs to schedule a server: the test would then fail
// for a reason that no hardware has.
const networkFloor = 400 * time.Millisecond

// Clock shortens durations. The zero value runs at the speed of the world.
type Clock struct {
	// Speed divides every duration: 100 makes a minute's install take 0.6 s. Zero or less means 1.
	Speed float64
}

// Scale gives what d lasts on this clock.
func (c Clock) Scale(d time.Duration) time.Duration {
	if c.Speed <= 0 {
		return d
	}

	return time.Duration(float64(d) / c.Speed)
}

// Patience gives how long to wait for an answer over the network when hardware would wait d: never less than 0.4 s of
// real time, or d itself when that is shorter.
func (c Clock) Patience(d time.Duration) time.Duration {
	return max(c.Scale(d), min(d, networkFloor))
}

// Wait returns after d on this clock, or with the context's cause when that ends first.
func (c Clock) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(c.Scale(d))
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
