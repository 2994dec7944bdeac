// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

func nothing(*faultStage, *rand.Rand) func() { return nil }

func pick(r *rand.Rand) string             { return machinesOfFaults()[r.IntN(len(machinesOfFaults()))] }
func founder(*rand.Rand) string            { return "cp1" }
func joiner(r *rand.Rand) string           { return []string{"cp2", "cp3"}[r.IntN(2)] }
func minuteOf(clock float64) time.Duration { return time.Duration(float64(time.Minute) / clock) }

func ordered(machine string, orders ...fleet.Fault) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.Order(machine, orders...))
		return nil
	}
}

func rebooting(who func(*rand.Rand) string, kind string, is func(fleet.Event) bool) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, r *rand.Rand) func() {
		machine := who(r)
		s.once(machine, kind, is, func() error { return s.Fleet.Reboot(machine) })
		return nil
	}
}

// rebootingInInstall leaves the disk as it was, or with half an installation.
func rebootingInInstall(s *faultStage, r *rand.Rand) func() {
	machine := pick(r)
	if r.IntN(2) == 0 {
		require.NoError(s.t, s.Fleet.Order(machine, fleet.InstallTorn()))
	}
	s.once(machine, "state", entering(fleet.Installing), func() error { return s.Fleet.Reboot(machine) })
	return nil
}

// startedWithAnother is a machine that runs another minor version of Talos than it will be installed with.
func startedWithAnother(s *faultStage, r *rand.Rand) func() {
	require.NoError(s.t, s.Fleet.Order(pick(r), fleet.Starts(s.otherTalos())))
	return nil
}

// otherTalos is the minor version before the site's, or the next where configs are written for none before.
func (s *faultStage) otherTalos() string {
	all := talosVersions()
	if s.talos == all[2] {
		return all[1]
	}
	return map[string]string{all[0]: all[1], all[1]: all[0]}[s.talos]
}

// hanging stops a machine for good when it comes to a state. A person switches it off and on again.
func hanging(machine string, at fleet.State) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.Order(machine, fleet.HangAt(at)))
		return func() { s.repair(machine) }
	}
}

// repair takes back what was ordered at a machine, and switches it off and on again.
func (s *faultStage) repair(machine string) {
	require.NoError(s.t, s.Fleet.PowerOff(machine))
	require.NoError(s.t, s.Fleet.Clear(machine))
	require.NoError(s.t, s.Fleet.PowerOn(machine))
}

// dyingFounder cuts the power of the first control plane when it is back with its config, before containers can run there.
func dyingFounder(s *faultStage, _ *rand.Rand) func() {
	s.once("cp1", "configured", always, func() error { return s.Fleet.PowerOff("cp1") })
	return func() { require.NoError(s.t, s.Fleet.PowerOn("cp1")) }
}

// foreign is a machine of somebody else's that asks us for its boot: it is reset when we serve, as it may have booted before.
func foreign(machine string) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, _ *rand.Rand) func() {
		require.NoError(s.t, s.Fleet.MakeForeign(machine))
		before := s.Fleet.InstalledConfig(machine)
		s.once("cp1", "kernel", always, func() error { return s.Fleet.Reboot(machine) })
		return func() {
			require.Equal(s.t, string(before), string(s.Fleet.InstalledConfig(machine)), "a third party's disk was touched")
			require.NoError(s.t, s.Fleet.PowerOff(machine))
			require.NoError(s.t, s.Fleet.Wipe(machine))
			s.delivered[machine] = s.Fleet.Contents(machine)
			require.NoError(s.t, s.Fleet.PowerOn(machine))
		}
	}
}

func untimed(s *faultStage, _ *rand.Rand) func() {
	require.NoError(s.t, s.Fleet.Order("cp1", fleet.TimeNotSynced()))
	return func() { require.NoError(s.t, s.Fleet.Clear("cp1")) }
}

func clockOff(s *faultStage, r *rand.Rand) func() {
	by := []time.Duration{10 * time.Second, -10 * time.Second}[r.IntN(2)]
	require.NoError(s.t, s.Fleet.Order("cp2", fleet.ClockOff(by)))
	return func() { require.NoError(s.t, s.Fleet.Clear("cp2")) }
}

// edited is a mistake in the site file, which a person corrects. Each text must be there once, and be no part of another's.
func edited(right, wrong string) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, _ *rand.Rand) func() {
		s.edit(right, wrong)
		return func() { s.edit(wrong, right) }
	}
}

func sharingAddress(s *faultStage, r *rand.Rand) func() {
	w1, w2 := s.site.Nodes[3].Address.String(), s.site.Nodes[4].Address.String()
	const mac = `mac: "52:54:00:78:00:05", address: `
	return edited(mac+w2, mac+w1)(s, r)
}

// doubled is a spare board with the UUID of w1, and a site file that knows w1 by nothing else. cp1 is switched on when both
// are there: up begins when it has seen all machines. A person gives the hardware address, which Talos before 1.13 needs
// anyway: there the two are told apart.
func doubled(s *faultStage, r *rand.Rand) func() {
	if s.talos != talosVersions()[2] {
		require.NoError(s.t, s.Fleet.PowerOn("spare"))
		return nil
	}
	mend := edited(`w1, role: worker, mac: "52:54:00:78:00:04", uuid`, "w1, role: worker, uuid")(s, r)
	require.NoError(s.t, s.Fleet.PowerOn("spare"))
	s.hold("cp1", func() bool { return s.count("maintenance", "spare") > 0 && s.count("maintenance", "w1") > 0 })
	return mend
}

// taken is an address of the site that another host on its network has.
func taken(address string) func(*faultStage, *rand.Rand) func() {
	return func(s *faultStage, _ *rand.Rand) func() {
		at := s.onSubnet(address)
		require.NoError(s.t, s.network.Site.Assign(at))
		return func() { require.NoError(s.t, s.network.Site.Withdraw(at)) }
	}
}

// missingDisk is a disk that the kernel does not find, until a person has looked after its cable.
func missingDisk(s *faultStage, _ *rand.Rand) func() {
	require.NoError(s.t, s.Fleet.Order("w2", fleet.DiskHidden("/dev/vda")))
	return func() { s.repair("w2") }
}

// dataOnDisk is a disk with somebody's data, who then says that they may be lost.
func dataOnDisk(s *faultStage, _ *rand.Rand) func() {
	require.NoError(s.t, s.Fleet.Write("w1", "/dev/vda", fleet.Contents{Format: "gpt", Partitions: []fleet.Partition{
		{Label: "photos", Size: 50 << 30, Format: "ext4", FilesystemLabel: "photos"},
	}}))
	return func() { s.edit("serial: FAULT-DISK-4", "serial: FAULT-DISK-4, wipe: true") }
}

// unknownKey is a setting that the Talos on the machine of w2 cannot read, which a person then leaves out. With the oldest
// version the site file itself asks for what that does not have.
func unknownKey(s *faultStage, r *rand.Rand) func() {
	patch := `{machine: {install: {grubUseUKICmdline: true}}}` // since 1.12
	if s.talos == "v1.13.9" {
		patch = `{machine: {kubelet: {extraArgs: {system-reserved: [cpu=1, memory=1Gi]}}}}` // several values: since 1.13
	}
	if s.talos != talosVersions()[0] {
		require.NoError(s.t, s.Fleet.Order("w2", fleet.Starts(s.otherTalos())))
	}
	const node = "{name: w2, role: worker,"
	return edited(node, node+fmt.Sprintf(" patches: [%s],", patch))(s, r)
}

func cutOne(s *faultStage, r *rand.Rand) func() {
	machine := pick(r)
	s.cut(r, func() error { return s.Fleet.Unplug(machine) }, func() error { return s.Fleet.Plug(s.t.Context(), machine) })
	return nil
}

func cutAll(s *faultStage, r *rand.Rand) func() {
	s.cut(r, s.network.CutBastion, func() error { return s.network.JoinBastion(s.t.Context()) })
	return nil
}

// cut breaks a connection for a minute of the machines' time, at a random moment.
func (s *faultStage) cut(r *rand.Rand, off, on func() error) {
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
