// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

// machine is one that is switched on once.
type machine struct {
	mac      string
	uuid     [16]byte
	serial   string
	firmware rom.Firmware
	accepts  rom.Dialect
	network  *lan.Netns // nil: the site's
	speed    float64    // of its clock; 0 is the world's
	// drop and stopAt make it go wrong: packets are lost, or its cable is pulled out when that event is reported.
	drop   func(protocol string) bool
	stopAt string
}

// booted is what came of it.
type booted struct {
	rom.Result

	addresses []netip.Addr // that it was given, one for each program
	events    []string
}

// boot switches a machine on and waits until it has something to run, or gives up.
func (s *site) boot(m machine) (booted, error) {
	s.t.Helper()

	mac, err := net.ParseMAC(m.mac)
	require.NoError(s.t, err)

	network := m.network
	if network == nil {
		network = s.network
	}

	port, err := network.Attach(s.t.Context(), m.mac, mac)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, port.Close()) }()

	return s.bootAt(m, port)
}

// errStopped is a machine that went no further, as it was to.
var errStopped = errors.New("stopped")

// bootAt switches on a machine at a port of its own.
func (s *site) bootAt(m machine, port lan.Port) (booted, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	var (
		mu   sync.Mutex
		what booted
	)

	r := &rom.ROM{
		Machine: rom.Machine{UUID: m.uuid, Serial: m.serial, Firmware: m.firmware},
		Port:    port, Accepts: m.accepts, Drop: m.drop, Clock: clock.Clock{Speed: m.speed},
		Report: func(event string, details map[string]string) {
			mu.Lock()
			defer mu.Unlock()

			what.events = append(what.events, event)
			if event == "address" {
				what.addresses = append(what.addresses, netip.MustParsePrefix(details["address"]).Addr())
			}

			if event == m.stopAt {
				_ = port.Unplug() // else the next packet may be on its way already
				stop(errStopped)
			}
		},
	}
	result, err := r.Netboot(ctx)

	mu.Lock()
	defer mu.Unlock()

	what.Result = result

	return what, err
}

// boots switches a machine on, which must get to the site's own image.
func (s *site) boots(m machine) booted {
	s.t.Helper()

	got, err := s.boot(m)
	require.NoError(s.t, err, "%s %s", m.firmware, m.mac)
	require.False(s.t, got.FromDisk, "%s was sent to its disk", m.mac)

	images := append([]rom.Image{got.Kernel}, got.Initrds...)
	if got.UKI != (rom.Image{}) {
		images = []rom.Image{got.UKI}
	}

	for _, image := range images {
		require.NotEmpty(s.t, s.images[image.SHA256], "%s boots %+v, which is not the site's", m.mac, image)
	}

	return got
}
