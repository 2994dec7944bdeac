// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
)

// Unplug takes the network cable out of running machines, which stay on; no name means all. It needs a network of
// namespaces: on loopback nothing can be cut.
func (f *Fleet) Unplug(names ...string) error {
	return f.cables(names, true, func(m *machine) error { return m.port.Unplug() })
}

// Plug puts the cable back, and waits until the network sees it.
func (f *Fleet) Plug(ctx context.Context, names ...string) error {
	return f.cables(names, false, func(m *machine) error { return m.port.Plug(ctx) })
}

func (f *Fleet) cables(names []string, cut bool, do func(*machine) error) error {
	found, err := f.find(names...)
	errs := []error{err}

	for _, m := range found {
		m.mu.Lock()
		m.cut = cut
		off := !m.on
		m.mu.Unlock()

		if off && !cut {
			continue // the cable of a machine that is off is plugged in with the power
		}

		errs = append(errs, do(m))
	}

	return errors.Join(errs...)
}

// plugIn puts the cable in with the power, unless it was taken out.
func (m *machine) plugIn(ctx context.Context) error {
	m.mu.Lock()
	cut := m.cut
	m.mu.Unlock()

	if cut {
		return nil
	}

	return m.port.Plug(ctx)
}
