// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// machinesOfFaults are the machines of the faults' site.
func machinesOfFaults() []string { return []string{"cp1", "cp2", "cp3", "w1", "w2"} }

// talosVersions are those that the table is played on: the last release of each minor version with a contract.
func talosVersions() []string { return []string{"v1.11.6", "v1.12.6", "v1.13.9"} }

// faults is the table: what goes wrong, and how up may end. They can be had together.
func faults() []fault {
	return append([]fault{
		{name: "installer killed", kills: true, arrange: nothing},
		{name: "bootstrap answer lost", arrange: ordered("cp1", fleet.LoseAnswer("Bootstrap"))},
		{name: "apply answer lost", arrange: func(s *faultStage, r *rand.Rand) func() {
			return ordered(pick(r), fleet.LoseAnswer("ApplyConfiguration"))(s, r)
		}},
		{name: "reboot in install", arrange: rebootingInInstall},
		{name: "reboot after apply", arrange: rebooting(pick, "state", entering(fleet.Rebooting))},
		{name: "reboot of the founder in bootstrap", arrange: rebooting(founder, "bootstrap", always)},
		{name: "reboot of the founder when etcd is founded", arrange: rebooting(founder, "etcd-founded", always)},
		{name: "reboot while joining etcd", arrange: rebooting(joiner, "configured", always)},
		{name: "cable of a node cut for a minute", namespaces: true, arrange: cutOne},
		{name: "cable of the bastion cut for a minute", namespaces: true, arrange: cutAll},
		{name: "a machine started with another Talos", arrange: startedWithAnother},
		{name: "a worker that never returns", waits: true, says: `without these nodes: w2 \(`, arrange: hanging("w2", fleet.Booting)},
		{name: "a worker that never comes", waits: true, says: `without these nodes: w1 \(`, arrange: hanging("w1", fleet.Netboot)},
		{name: "a control plane that never returns", waits: true, says: `missing: cp3: |have not [a-z ]*: .*cp3`, arrange: hanging("cp3", fleet.Booting)},
		{name: "the founder dies before the call", waits: true, says: `(?s)etcd is to be bootstrapped on cp1, which does not answer.*hint: bring cp1 back|missing: cp1: |have not [a-z ]*: cp1`, arrange: dyingFounder},
		{name: "no time server", waits: true, says: `time is not in sync yet`, arrange: untimed},
	}, refusals()...)
}

// refusals are what up refuses before it writes to the machines that it is about.
func refusals() []fault {
	return []fault{
		{name: "a third party's node", says: `node w1 \(.*\) belongs to another Talos cluster`, untouched: []string{"w1"}, arrange: foreign("w1")},
		{name: "a duplicate UUID", says: `two machines fit node w1: |the machine at .* fits both `, untouched: []string{"w1", "spare"}, first: true, arrange: doubled},
		{name: "two nodes with one address", code: 2, says: `the same as nodes\[3\]\.address|nodes\[4\]\.address`, untouched: machinesOfFaults(), arrange: sharingAddress},
		{name: "two machines on one address", namespaces: true, says: `10\.77\.0\.15 \(node w2\) is in use by another host`, untouched: []string{"w2"}, first: true, arrange: taken("10.77.0.15")},
		{name: "clock 10 s off", says: `the clock of cp2 is (9\.[5-9]|10(\.[0-5])?)s (ahead of|behind) `, untouched: []string{"cp2"}, first: true, arrange: clockOff},
		{name: "disk missing", waits: true, says: `w2 \(.*FAULT-DISK-5|install disk .*FAULT-DISK-5`, untouched: []string{"w2"}, arrange: missingDisk},
		{name: "disk named wrongly", waits: true, says: `FAULT-DISK-9`, untouched: []string{"w2"}, arrange: edited("FAULT-DISK-5", "FAULT-DISK-9")},
		{name: "disk with data", waits: true, says: `holds data: .*photos`, untouched: []string{"w1"}, arrange: dataOnDisk},
		{name: "config key unknown", waits: true, says: `does not know machine\.`, untouched: []string{"w2"}, arrange: unknownKey},
		{name: "VIP taken by another host", namespaces: true, says: `10\.77\.0\.10 \(network\.vip\) is in use by another host`, untouched: machinesOfFaults(), arrange: taken("10.77.0.10")},
	}
}

func TestEachFaultAlone(t *testing.T) {
	for i, f := range faults() {
		if f.kills {
			continue // TestKilledAtAnyMomentTheNextUpConverges
		}
		for _, version := range versionsFor(uint64(i) + *seed) {
			t.Run(f.name+" "+version, func(t *testing.T) {
				t.Parallel()
				newFaultStage(t, version).survives(rand.New(rand.NewPCG(*seed, uint64(i))), f)
			})
		}
	}
}

// versionsFor are the versions on which a case is played: one by turns, or all when that is asked for.
func versionsFor(turn uint64) []string {
	all := talosVersions()
	if *everyVersion {
		return all
	}
	return []string{all[turn%uint64(len(all))]}
}

func TestKilledAtAnyMomentTheNextUpConverges(t *testing.T) {
	for i := range *kills {
		version := talosVersions()[i%len(talosVersions())]
		t.Run(fmt.Sprint(i, " ", version), func(t *testing.T) {
			t.Parallel()
			newFaultStage(t, version).survives(rand.New(rand.NewPCG(*seed, uint64(i))), faults()[0])
		})
	}
}

// TestRandomPairsOfFaults plays two faults at once. A seed gives the pair, the version of Talos, and all moments but those
// that the processors choose.
func TestRandomPairsOfFaults(t *testing.T) {
	for i := range *seeds {
		n := *seed + uint64(i)
		version := talosVersions()[n%uint64(len(talosVersions()))]
		t.Run(fmt.Sprintf("seed %d", n), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(n, 2))
			all := faults()
			first, second := random.IntN(len(all)), random.IntN(len(all)-1)
			if second >= first {
				second++
			}
			t.Logf("Talos %s: %s, and %s", version, all[first].name, all[second].name)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: make soak SEED=%d SEEDS=1", n)
				}
			})
			newFaultStage(t, version).survives(random, all[first], all[second])
		})
	}
}
