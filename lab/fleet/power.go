// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Reasons for which a running machine stops.
var (
	errPowerCut = errors.New("the power was cut")
	errReset    = errors.New("the reset button was pressed")
)

// PowerOn switches machines on; no name means all. One that is on stays as it is.
func (f *Fleet) PowerOn(names ...string) error {
	return f.each(names, func(m *machine) { m.press(true) })
}

// PowerOff cuts the power: connections are not closed but go silent. Disks keep what they have.
func (f *Fleet) PowerOff(names ...string) error {
	return f.each(names, func(m *machine) { m.press(false) })
}

// Reboot presses the reset button. A machine that is off stays off.
func (f *Fleet) Reboot(names ...string) error {
	return f.each(names, func(m *machine) { m.reset() })
}

// Wipe makes a machine's disks blank; switch it off before, as one would.
func (f *Fleet) Wipe(names ...string) error {
	return f.each(names, func(m *machine) { m.disks.Wipe() })
}

// InstalledConfig is the machine config on a machine's disk, as it was written; nil while nothing is installed, and for an
// unknown name. It holds the cluster's keys.
func (f *Fleet) InstalledConfig(name string) []byte {
	found, err := f.find(name)
	if err != nil {
		return nil
	}

	return found[0].disks.Config()
}

func (f *Fleet) each(names []string, do func(*machine)) error {
	found, err := f.find(names...)
	for _, m := range found {
		do(m)
	}

	return err
}

// State is what a machine does now. An unknown name gives "".
func (f *Fleet) State(name string) State {
	found, err := f.find(name)
	if err != nil {
		return ""
	}

	return found[0].current()
}

// WaitState returns when all named machines (no name: all) have been seen in the state at the same time. The error of a
// context that ends first says where each machine is and what went wrong there last.
func (f *Fleet) WaitState(ctx context.Context, want State, names ...string) error {
	found, err := f.find(names...)
	if err != nil {
		return err
	}

	for {
		changed := f.events.changes()

		late := slices.DeleteFunc(slices.Clone(found), func(m *machine) bool { return m.current() == want })
		if len(late) == 0 {
			return nil
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %s", want, context.Cause(ctx), describe(late))
		}
	}
}

func describe(machines []*machine) string {
	var lines []string

	for _, m := range machines {
		line := fmt.Sprintf("%s is %s", m.spec.Name, m.current())
		if trouble := m.trouble(); trouble != "" {
			line += " (" + trouble + ")"
		}

		lines = append(lines, line)
	}

	return strings.Join(lines, ", ")
}
