// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// What would end badly after the machines have their configs is refused before the first has one.
func TestWhatCannotEndWellIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	s := newStage(t, labSite)
	require.NoError(t, s.Fleet.PowerOn())
	t.Run("a clock that is off", func(t *testing.T) { s.in(t).refusesAClockThatIsOff() })
	t.Run("a virtual address that another host has", func(t *testing.T) { s.in(t).refusesATakenVirtualAddress() })
	require.Zero(t, s.count("install"), "no machine was given its config")
	require.Zero(t, s.count("bootstrap"))
	t.Run("and taken when it is in order", func(t *testing.T) { s.in(t).takesWhatIsInOrder() })
	t.Run("a virtual address that is ours is no other host's", func(t *testing.T) { s.in(t).knowsItsOwnVirtualAddress() })
	t.Run("the health of a node that fell ill", func(t *testing.T) { s.in(t).showsANodeThatFellIll() })
}

func (s *stage) refusesAClockThatIsOff() {
	require.NoError(s.t, s.Fleet.Order("cp2", fleet.ClockOff(-10*time.Second)))
	said := s.fails()
	require.Contains(s.t, said, "the clock of cp2 is 10")
	require.Contains(s.t, said, "behind this host's clock; in sync with time servers")
	require.NotContains(s.t, said, "cp1")
	require.Contains(s.t, said, "hint: one of the two clocks is wrong")
	require.NoError(s.t, s.Fleet.Clear("cp2"))
}

func (s *stage) refusesATakenVirtualAddress() {
	vip := netip.PrefixFrom(s.site.Network.VIP, s.site.Network.NodeSubnet.Bits())
	require.NoError(s.t, s.network.Site.Assign(vip))
	said := s.fails()
	require.Regexp(s.t, vip.Addr().String()+` \(network\.vip\) is in use by another host: hardware address ([0-9a-f]{2}:){5}`, said)
	require.Contains(s.t, said, "hint: take that host off the network")
	require.NoError(s.t, s.network.Site.Withdraw(vip))
}

func (s *stage) takesWhatIsInOrder() {
	s.mustUp("--until", "register")
	require.Equal(s.t, 3, s.count("install"))
}

// One node starts anew while another of ours holds the address.
func (s *stage) knowsItsOwnVirtualAddress() {
	installed := s.count("install", "cp3")
	require.NoError(s.t, s.Fleet.PowerOff("cp3"))
	require.NoError(s.t, s.Fleet.Wipe("cp3"))
	require.NoError(s.t, s.Fleet.PowerOn("cp3"))
	code, _, said := s.onBastion(append([]string{"pxe", "reinstall", "cp3"}, s.ofSite()...)...)
	require.Zero(s.t, code, said)
	u := s.start("--until", "install")
	code, said = u.wait(s.t)
	require.Zero(s.t, code, said)
	require.NotContains(s.t, said, "network.vip")
	require.Equal(s.t, installed+1, s.count("install", "cp3"))
}

func (s *stage) showsANodeThatFellIll() {
	require.NoError(s.t, s.Fleet.Order("cp1", fleet.ClockOff(time.Minute), fleet.Diagnosed("address-overlap", "host and pods overlap")))
	require.NoError(s.t, s.Fleet.PowerOff("cp3"))
	code, out, said := s.onBastion(append([]string{"status", "-o", "json"}, s.ofSite()...)...)
	require.Equal(s.t, 1, code, said)
	var status siteStatus
	require.NoError(s.t, json.Unmarshal([]byte(out), &status))
	require.False(s.t, status.Healthy)
	states := map[string]string{}
	for _, node := range status.Nodes {
		for _, check := range node.Checks {
			states[node.Name+" "+check.Check] = strings.TrimSuffix(check.State+": "+check.Reason, ": ")
		}
	}
	require.Contains(s.t, states["cp1 clock"], "failed: ")
	require.Contains(s.t, states["cp1 clock"], "ahead of this host's clock")
	require.Equal(s.t, "failed: address-overlap: host and pods overlap", states["cp1 diagnostics"])
	require.Equal(s.t, "ok", states["cp1 kubelet"])
	require.Equal(s.t, "ok", states["cp2 clock"])
	require.Equal(s.t, "ok", states["cp2 etcd"], "one dead node hides no other")
	require.Equal(s.t, "failed: it is unreachable", states["cp3 apid"])
	require.Equal(s.t, "unknown: Talos can't be asked", states["cp3 etcd"])

	code, out, said = s.onBastion(append([]string{"status"}, s.ofSite()...)...)
	require.Equal(s.t, 1, code, said)
	require.Regexp(s.t, `(?m)^cp1 +ok +FAIL +ok +ok +FAIL `, out)
	require.Regexp(s.t, `(?m)^apid +failed +cp3 +it is unreachable$`, out)
	require.NoError(s.t, s.Fleet.Clear("cp1"))
}
