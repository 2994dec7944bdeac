// SPDX-License-Identifier: Apache-2.0

package world

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// All machines are off here: these are the errors that a person meets before anything is switched on.
func TestUpRefusesWhatCannotWorkAndSaysTheNextStep(t *testing.T) {
	s := newStage(t, labSite)
	t.Run("an interface that is not there", func(t *testing.T) { s.fresh(t).refusesAMissingInterface() })
	t.Run("ports in use", func(t *testing.T) { s.fresh(t).refusesPortsInUse() })
	t.Run("two runs at the same time", func(t *testing.T) { s.fresh(t).refusesASecondRun() })
	t.Run("broken secrets", func(t *testing.T) { s.fresh(t).refusesBrokenSecrets() })
	t.Run("secrets in the other form", func(t *testing.T) { s.fresh(t).refusesSecretsInTheOtherForm() })
	t.Run("encrypted secrets", func(t *testing.T) { s.fresh(t).encryptsSecrets() })
	t.Run("a site that was never built has no status", func(t *testing.T) { s.fresh(t).showsThatNothingIsThere() })
	require.Empty(t, s.Fleet.Events(), "no machine was touched")
}

func (s *stage) refusesAMissingInterface() {
	s.edit("interface: eth0", "interface: eth7")
	start := time.Now()
	said := s.fails()
	require.Contains(s.t, said, `network interface "eth7": is not there`)
	require.Contains(s.t, said, "hint: set netboot.interface to the interface on the nodes' network; this host has lo, eth0")
	require.Less(s.t, time.Since(start), 30*time.Second)
}

func (s *stage) refusesPortsInUse() {
	bastion := s.bastion().Addr()
	for _, test := range []struct {
		network string
		port    uint16
		at      netip.Addr
		want    string
	}{
		{"udp", 67, netip.IPv4Unspecified(), "open DHCP port udp/67: in use on 10.77.0.2"},
		{"udp", 4011, bastion, "open PXE boot service port udp/4011: in use on 10.77.0.2"},
		{"udp", 69, bastion, "open TFTP port udp/69: in use on 10.77.0.2"},
		{"tcp", 8080, bastion, "open HTTP port tcp/8080: in use on 10.77.0.2"},
	} {
		var free func() error
		at := netip.AddrPortFrom(test.at, test.port)
		if test.network == "udp" {
			taken, err := s.network.Bastion.ListenPacket(s.t.Context(), at)
			require.NoError(s.t, err)
			free = taken.Close
		} else {
			taken, err := s.network.Bastion.Listen(s.t.Context(), at)
			require.NoError(s.t, err)
			free = taken.Close
		}
		said := s.fails()
		require.NoError(s.t, free())
		require.Contains(s.t, said, test.want)
		require.Contains(s.t, said, "hint: another ")
		require.Contains(s.t, said, "find it with: ss -")
	}
}

func (s *stage) refusesASecondRun() {
	first := s.start()
	s.await(first, "netboot", "have not appeared")
	said := s.fails()
	require.Contains(s.t, said, "work directory "+s.work+": another cozy-install is using it")
	require.Contains(s.t, said, "hint: wait until it ends")
	first.kill()
	// The lock goes with its process: nothing has to be removed by hand.
	s.mustUp("--until", "configs")
}

func (s *stage) showsThatNothingIsThere() {
	code, out, said := s.onBastion("status", "-f", s.siteFile, "--work-dir", s.work)
	require.Equal(s.t, 1, code, said)
	require.Contains(s.t, out, "the cluster's secrets do not exist yet")
	require.Contains(s.t, out, "there is no kubeconfig yet")
	require.Contains(s.t, verdict(s.t, said), "the site is not healthy")
	require.NoDirExists(s.t, s.work, "status changes nothing")
}

// await waits until a run is in a phase and says something there; an empty text means when it begins.
func (s *stage) await(u *up, phase, text string) {
	s.t.Helper()
	for e := range u.events {
		if e.Phase == phase && (e.State == "start" || e.State == "waiting") && strings.Contains(e.Message, text) {
			return
		}
	}
	_, said := u.wait(s.t)
	require.Fail(s.t, "up ended before "+phase+" "+text, said)
}
