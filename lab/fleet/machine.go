// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"sync"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// machine is one machine: what it is, what is on its disks, and what it does.
type machine struct {
	fleet  *Fleet
	spec   MachineSpec
	smbios [16]byte
	disks  *talosim.Storage
	orders *orders
	port   lan.Port // set before live

	mu      sync.Mutex
	state   State
	on      bool
	pressed chan struct{}           // closed and replaced when on changes
	stop    context.CancelCauseFunc // ends the present run; nil while off
	last    string                  // what went wrong last
	cut     bool                    // the network cable was taken out

	netbootNext bool // the management controller was told so
}

func newMachine(f *Fleet, spec MachineSpec, smbios [16]byte) *machine {
	return &machine{
		fleet: f, spec: spec, smbios: smbios, disks: &talosim.Storage{}, orders: &orders{},
		state: Off, pressed: make(chan struct{}),
	}
}

// press sets the power switch. The cable goes with the power and before anything is closed: a dead machine does not say
// goodbye.
func (m *machine) press(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.on == on {
		return
	}

	m.on = on
	close(m.pressed)
	m.pressed = make(chan struct{})

	if !on && m.stop != nil {
		_ = m.port.Unplug() // the connections then end less rudely than they should
		m.stop(errPowerCut)
	}
}

func (m *machine) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.stop != nil {
		m.stop(errReset)
	}
}

func (m *machine) current() State {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.state
}

func (m *machine) trouble() string {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.last
}

// enter changes the state, and hangs there for the rest of the run if that was ordered.
func (m *machine) enter(ctx context.Context, to State) {
	m.mu.Lock()
	from := m.state
	fits := from == to || allowed(from, to)
	m.state = to
	m.mu.Unlock()

	if from != to {
		m.record("state", map[string]string{"from": string(from), "to": string(to)})
	}

	if !fits {
		m.fail(errors.New("impossible change of state from " + string(from) + " to " + string(to)))
	}

	if m.orders.hangs(to) {
		m.record("fault", map[string]string{"hang": string(to)})
		<-ctx.Done()
	}
}

func (m *machine) fail(err error) {
	m.mu.Lock()
	m.last = err.Error()
	m.mu.Unlock()

	m.record("error", map[string]string{"text": err.Error()})
}

// live waits for the power switch, again and again, until the fleet ends.
func (m *machine) live(ctx context.Context) {
	for {
		m.mu.Lock()
		on, pressed := m.on, m.pressed
		m.mu.Unlock()

		if on {
			m.run(ctx)
		} else {
			select {
			case <-pressed:
			case <-ctx.Done():
			}
		}

		if ctx.Err() != nil {
			return
		}
	}
}

// run is one stretch of power, which resets and the operating system's own reboots do not interrupt.
func (m *machine) run(ctx context.Context) {
	defer m.enter(ctx, Off)

	for again := true; again && ctx.Err() == nil; {
		run, stop := context.WithCancelCause(ctx)

		m.mu.Lock()
		m.stop = stop
		again = m.on // it may have been switched off between two runs
		m.mu.Unlock()

		if again {
			again = m.cycle(run)
		}

		m.mu.Lock()
		m.stop = nil
		m.mu.Unlock()
		stop(nil)
	}
}

// cycle goes from the reset to the next one. False: the machine switched itself off, or was.
func (m *machine) cycle(ctx context.Context) bool {
	if err := m.plugIn(ctx); err != nil && ctx.Err() == nil {
		m.fail(err)
	}

	for ctx.Err() == nil {
		outcome, err := m.boot(ctx)
		if ctx.Err() != nil {
			break
		}

		if err != nil {
			m.retryLater(ctx, err)
		}

		if outcome == talosim.PowerOff {
			m.press(false)
		}
	}

	if errors.Is(context.Cause(ctx), errReset) {
		m.enter(ctx, Rebooting)

		return true
	}

	return false
}

// retryLater waits after a failure before the next attempt: firmware goes round its boot devices, and Talos reboots.
func (m *machine) retryLater(ctx context.Context, err error) {
	m.fail(err)

	if m.current() != Netboot {
		m.enter(ctx, Rebooting)
	}

	_ = m.fleet.cfg.Clock.Wait(ctx, m.fleet.cfg.Timing.BootRetry) // the caller looks at the context
}
