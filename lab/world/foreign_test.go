// SPDX-License-Identifier: Apache-2.0

package world

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// A machine of somebody else's cluster stands where the site file has a node, until it is wiped. Then one machine loses
// its power in the middle of its installation, and etcd's bootstrap comes too early.
func TestAForeignNodeIsNeverTouched(t *testing.T) {
	s := newStage(t, labSite)
	require.NoError(t, s.Fleet.MakeForeign("cp2"))
	foreign := s.Fleet.InstalledConfig("cp2")
	require.NotEmpty(t, foreign)
	t.Run("at the node's own address", func(t *testing.T) { s.in(t).refusesAForeignNodeAtItsAddress() })
	t.Run("at the address it netboots from", func(t *testing.T) { s.in(t).refusesAForeignNodeThatNetboots() })
	t.Run("a support bundle beside it", func(t *testing.T) { s.in(t).makesASupportBundleBesideAForeignNode() })
	require.Equal(t, string(foreign), string(s.Fleet.InstalledConfig("cp2")), "its disk is as it was")
	require.Zero(t, s.count("config-changed", "cp2"))
	require.Zero(t, s.count("install"), "and no other machine is touched before that is settled")
	require.Zero(t, s.count("bootstrap"))
	t.Run("wiped, it is installed like the others", func(t *testing.T) { s.in(t).installsThroughReboots() })
}

func (s *stage) refusesAForeignNodeAtItsAddress() {
	configured := s.when("cp2", "configured", always, func() error { return nil })
	require.NoError(s.t, s.Fleet.PowerOn("cp2"))
	configured()
	at := s.expectAForeignNode()
	start := time.Now()
	said := s.fails()
	require.Contains(s.t, said, "node cp2 ("+at+":50000) belongs to another Talos cluster")
	require.Contains(s.t, said, "hint: if this is the right machine, wipe it")
	require.Less(s.t, time.Since(start), 30*time.Second, "waiting would not help")
}

// expectAForeignNode writes into the site file where cp2 is.
func (s *stage) expectAForeignNode() (at string) {
	s.t.Helper()
	for _, e := range s.Fleet.Events() {
		if e.Kind == "configured" && e.Machine == "cp2" {
			at = e.Details["address"]
		}
	}
	require.True(s.t, s.site.Network.NodeSubnet.Contains(netip.MustParseAddr(at)))
	s.edit("address: 10.77.0.12", "address: "+at)
	return at
}

func (s *stage) refusesAForeignNodeThatNetboots() {
	require.NoError(s.t, s.Fleet.PowerOn())
	u := s.start()
	s.await(u, "netboot", "have not appeared: cp2")
	require.NoError(s.t, s.Fleet.Reboot("cp2"))
	code, text := u.wait(s.t)
	require.Equal(s.t, 1, code, text)
	requireWhole(s.t, s.work)
	said := verdict(s.t, text)
	require.Regexp(s.t, `node cp2 \(10\.77\.0\.1\d\d:50000\) belongs to another Talos cluster`, said)
	require.NotContains(s.t, said, "cp1")
	require.NotContains(s.t, said, "cp3")
	require.Positive(s.t, s.count("kernel", "cp2"), "it did netboot from us")
}

func (s *stage) installsThroughReboots() {
	require.NoError(s.t, s.Fleet.PowerOff("cp2"))
	require.NoError(s.t, s.Fleet.Wipe("cp2"))
	require.NoError(s.t, s.Fleet.PowerOn("cp2"))
	require.NoError(s.t, s.Fleet.Order("cp1", fleet.Refuse("Bootstrap", codes.FailedPrecondition, "bootstrap is not available yet")))
	// The config is written at the end of an installation: this one is for nothing.
	rebooted := s.when("cp3", "state", entering(fleet.Installing), func() error { return s.Fleet.Reboot("cp3") })
	s.mustUp("--until", "register")
	rebooted()
	require.Equal(s.t, 2, s.count("install", "cp3"), "what was lost is done again")
	require.Equal(s.t, 1, s.count("install", "cp2"))
	require.Equal(s.t, 1, s.count("fault", "cp1"), "bootstrap was refused")
	require.Equal(s.t, 1, s.count("etcd-founded"))
}
