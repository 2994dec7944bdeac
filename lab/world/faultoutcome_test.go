// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// killAt kills a run at a moment after its start.
func (s *stage) killAt(u *up, moment time.Duration) {
	s.t.Helper()
	s.t.Logf("killed after %s", moment.Round(time.Millisecond))
	select {
	case <-time.After(moment):
	case <-u.done:
	}
	u.kill()
}

// keepsWhatWasPromised checks what must hold at every moment, whatever goes wrong. The simulated machines know the truth.
func (s *faultStage) keepsWhatWasPromised() {
	s.t.Helper()
	require.LessOrEqual(s.t, s.count("etcd-founded"), 1, "etcd clusters")
	for _, e := range s.Fleet.Events() {
		if e.Kind == "install" {
			require.Equal(s.t, "/dev/vda", e.Details["disk"], "%s was installed on a disk that was not asked for", e.Machine)
		}
	}
	for machine, before := range s.delivered {
		now := s.Fleet.Contents(machine)
		for path, contents := range before {
			if path != "/dev/vda" || machine == "spare" {
				require.Equal(s.t, contents, now[path], "%s of %s, which was not asked for", path, machine)
			}
		}
	}
}

// hasConverged checks that the machines are what up says they are, and that running it again changes nothing.
func (s *faultStage) hasConverged() {
	s.t.Helper()
	require.Equal(s.t, 1, s.count("etcd-founded"), "etcd clusters")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, s.Fleet.WaitState(ctx, fleet.Running, machinesOfFaults()...))
	calls, installs := s.count("bootstrap"), s.count("install")
	s.mustUp("--until", lastFaultPhase)
	require.Equal(s.t, calls, s.count("bootstrap"), "it is called again")
	require.Equal(s.t, installs, s.count("install"), "a machine is installed again")
	require.Zero(s.t, s.count("config-changed"))
}

// once does something the first time that an event happens at a machine from now on, if it ever does.
func (s *stage) once(machine, kind string, is func(fleet.Event) bool, do func() error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	seen := len(s.Fleet.Events())
	go func() {
		for ctx.Err() == nil {
			events := s.Fleet.Events()
			for _, e := range events[seen:] {
				if e.Machine == machine && e.Kind == kind && is(e) {
					ended <- do()
					return
				}
			}
			seen = len(events)
			time.Sleep(5 * time.Millisecond)
		}
		ended <- nil
	}()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
}
