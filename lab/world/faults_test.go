// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// machinesOfFaults are the machines of the faults' site.
var machinesOfFaults = []string{"cp1", "cp2", "cp3", "w1", "w2"}

// faults is the table: what goes wrong, and how up may end. They can be had together.
func faults() []fault {
	all := []fault{
		{name: "installer killed", kills: true, arrange: nothing},
		{name: "bootstrap answer lost", arrange: ordered("cp1", fleet.LoseAnswer("Bootstrap"))},
		{name: "apply answer lost", arrange: func(s *stage, r *rand.Rand) func() {
			return ordered(pick(r), fleet.LoseAnswer("ApplyConfiguration"))(s, r)
		}},
		{name: "reboot in install", arrange: rebooting(pick, "state", entering(fleet.Installing))},
		{name: "reboot after apply", arrange: rebooting(pick, "state", entering(fleet.Rebooting))},
		{name: "reboot of the founder in bootstrap", arrange: rebooting(founder, "bootstrap", always)},
		{name: "reboot of the founder when etcd is founded", arrange: rebooting(founder, "etcd-founded", always)},
		{name: "reboot while joining etcd", arrange: rebooting(joiner, "configured", always)},
		{name: "cable of a node cut for a minute", namespaces: true, arrange: cutOne},
		{name: "cable of the bastion cut for a minute", namespaces: true, arrange: cutAll},
		{name: "a worker that never returns", waits: true, says: `without these nodes: w2 \(`, arrange: hanging("w2", fleet.Booting)},
		{name: "a worker that never comes", waits: true, says: `without these nodes: w1 \(`, arrange: hanging("w1", fleet.Netboot)},
		{name: "a control plane that never returns", waits: true, says: `missing: cp3: |have not [a-z ]*: .*cp3`, arrange: hanging("cp3", fleet.Booting)},
		{name: "the founder dies before the call", waits: true, says: `(?s)etcd is to be bootstrapped on cp1, which does not answer.*hint: bring cp1 back|missing: cp1: |have not [a-z ]*: cp1`, arrange: dyingFounder},
		{name: "a third party's node", says: `node w1 \(.*\) belongs to another Talos cluster`, arrange: foreign("w1")},
		{name: "no time server", waits: true, says: `time is not in sync yet`, arrange: untimed},
		{name: "disk missing", waits: true, says: `without these nodes: w2 \(.*FAULT-DISK-9`, arrange: edited("FAULT-DISK-5", "FAULT-DISK-9")},
	}
	return all
}

func nothing(*stage, *rand.Rand) func() { return nil }

func pick(r *rand.Rand) string             { return machinesOfFaults[r.IntN(len(machinesOfFaults))] }
func founder(*rand.Rand) string            { return "cp1" }
func joiner(r *rand.Rand) string           { return []string{"cp2", "cp3"}[r.IntN(2)] }
func minuteOf(clock float64) time.Duration { return time.Duration(float64(time.Minute) / clock) }

func ordered(machine string, orders ...fleet.Fault) func(*stage, *rand.Rand) func() {
	return func(s *stage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.Order(machine, orders...))
		return nil
	}
}

func rebooting(who func(*rand.Rand) string, kind string, is func(fleet.Event) bool) func(*stage, *rand.Rand) func() {
	return func(s *stage, r *rand.Rand) func() {
		machine := who(r)
		s.once(machine, kind, is, func() error { return s.Fleet.Reboot(machine) })
		return nil
	}
}

// hanging stops a machine for good when it comes to a state. A person switches it off and on again.
func hanging(machine string, at fleet.State) func(*stage, *rand.Rand) func() {
	return func(s *stage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.Order(machine, fleet.HangAt(at)))
		return func() {
			require.NoError(s.t, s.Fleet.PowerOff(machine))
			require.NoError(s.t, s.Fleet.Clear(machine))
			require.NoError(s.t, s.Fleet.PowerOn(machine))
		}
	}
}

// dyingFounder cuts the power of the first control plane when it is back with its config, before containers can run there.
func dyingFounder(s *stage, _ *rand.Rand) func() {
	s.once("cp1", "configured", always, func() error { return s.Fleet.PowerOff("cp1") })
	return func() { require.NoError(s.t, s.Fleet.PowerOn("cp1")) }
}

// foreign is a machine of somebody else's that asks us for its boot: it is reset when we serve, as it may have booted before.
func foreign(machine string) func(*stage, *rand.Rand) func() {
	return func(s *stage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.MakeForeign(machine))
		before := s.Fleet.InstalledConfig(machine)
		s.once("cp1", "kernel", always, func() error { return s.Fleet.Reboot(machine) })
		return func() {
			require.Equal(s.t, string(before), string(s.Fleet.InstalledConfig(machine)), "a third party's disk was touched")
			require.NoError(s.t, s.Fleet.PowerOff(machine))
			require.NoError(s.t, s.Fleet.Wipe(machine))
			require.NoError(s.t, s.Fleet.PowerOn(machine))
		}
	}
}

func untimed(s *stage, _ *rand.Rand) func() {
	require.NoError(s.t, s.Fleet.Order("cp1", fleet.TimeNotSynced()))
	return func() { require.NoError(s.t, s.Fleet.Clear("cp1")) }
}

// edited is a mistake in the site file, which a person corrects.
func edited(right, wrong string) func(*stage, *rand.Rand) func() {
	return func(s *stage, _ *rand.Rand) func() {
		before := s.siteFile
		s.edit(right, wrong)
		return func() { s.siteFile = before }
	}
}

func cutOne(s *stage, r *rand.Rand) func() {
	machine := pick(r)
	s.cut(r, func() error { return s.Fleet.Unplug(machine) }, func() error { return s.Fleet.Plug(s.t.Context(), machine) })
	return nil
}

func cutAll(s *stage, r *rand.Rand) func() {
	s.cut(r, s.network.CutBastion, func() error { return s.network.JoinBastion(s.t.Context()) })
	return nil
}

// cut breaks a connection for a minute of the machines' time, at a random moment.
func (s *stage) cut(r *rand.Rand, off, on func() error) {
	s.t.Helper()
	moment := time.Duration(r.Int64N(int64(healthyRun)))
	s.t.Logf("cut after %s", moment.Round(time.Millisecond))
	ended := make(chan error, 1)
	go func() {
		time.Sleep(moment)
		if err := off(); err != nil {
			ended <- fmt.Errorf("cut: %w", err)
			return
		}
		time.Sleep(minuteOf(faultSpeed))
		ended <- on()
	}()
	s.t.Cleanup(func() { require.NoError(s.t, <-ended) })
}

func TestEachFaultAlone(t *testing.T) {
	for i, f := range faults() {
		if f.kills {
			continue // TestKilledAtAnyMomentTheNextUpConverges
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			newFaultStage(t).survives(rand.New(rand.NewPCG(*seed, uint64(i))), f)
		})
	}
}

func TestKilledAtAnyMomentTheNextUpConverges(t *testing.T) {
	for i := range *kills {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			newFaultStage(t).survives(rand.New(rand.NewPCG(*seed, uint64(i))), faults()[0])
		})
	}
}

// TestRandomPairsOfFaults plays two faults at once. A seed gives the pair and all moments but those that the processors
// choose.
func TestRandomPairsOfFaults(t *testing.T) {
	for i := range *seeds {
		n := *seed + uint64(i)
		t.Run(fmt.Sprintf("seed %d", n), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(n, 2))
			all := faults()
			first, second := random.IntN(len(all)), random.IntN(len(all)-1)
			if second >= first {
				second++
			}
			t.Logf("%s, and %s", all[first].name, all[second].name)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: make soak SEED=%d SEEDS=1", n)
				}
			})
			newFaultStage(t).survives(random, all[first], all[second])
		})
	}
}

// A site file that cannot be right is refused before any machine is looked at.
func TestTwoNodesWithOneAddressAreRefused(t *testing.T) {
	text, err := os.ReadFile(faultSite)
	require.NoError(t, err)
	file := t.TempDir() + "/site.yaml"
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "10.77.0.15", "10.77.0.14", 1)), 0o600))
	s := newFaultStage(t)
	code, _, said := s.onBastion("up", "-f", file, "--work-dir", s.work)
	require.Equal(t, 2, code, said)
	require.Contains(t, said, "10.77.0.14")
	require.NoDirExists(t, s.work)
}
