// SPDX-License-Identifier: Apache-2.0

package world

import (
	"flag"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

const (
	faultSite = "testdata/faults.yaml"
	// faultSpeed is that of the machines' clocks: a minute is 0.6 s.
	faultSpeed = 100
	// lastFaultPhase is where bring-ups with faults end: what comes after it has no machines in it.
	lastFaultPhase = "register"
	// healthyRun is about how long an undisturbed run takes here, on idle processors. A moment after its end is one too.
	healthyRun = 8 * time.Second
)

// How often random things are tried; make soak asks for more.
var (
	kills = flag.Int("kills", 50, "at how many random moments the installer is killed")
	seeds = flag.Int("seeds", 10, "how many random pairs of faults are tried")
	seed  = flag.Uint64("seed", 1, "the first seed of them")
	// One version each, by turns, covers all three with the time of one.
	everyVersion = flag.Bool("every-version", false, "each fault alone is played on every version of Talos")
)

// fault is something that goes wrong in a bring-up.
type fault struct {
	name string
	// arrange is called when the machines are off. What it gives is what a person does before running up again; nil where
	// nobody has to do anything.
	arrange func(s *faultStage, random *rand.Rand) (mend func())
	// says is what up may end with. Empty: it converges by itself.
	says string
	// code is what up then exits with. Zero: 1.
	code int
	// untouched are the machines that have been sent nothing, and whose disks are as they were, when up ends with that.
	untouched []string
	// first says that up sees it before the first machine is given anything: if nothing else goes wrong, all are untouched.
	first bool
	// kills says that up is killed at a random moment.
	kills bool
	// waits says that up must wait in vain before it says so.
	waits bool
	// namespaces says that it can't be played through a relay.
	namespaces bool
}

// arranged is a fault that nobody has mended yet.
type arranged struct {
	fault
	mend func()
}

// faultStage is the faults' site with an API that only knows nodes, machines that have data to lose, and a spare machine.
type faultStage struct {
	*stage
	talos string
	held  []string // machines that are not switched on with the others
	// delivered is what was on the disks of each machine before anything was done to it, by path.
	delivered map[string]map[string]fleet.Contents
}

func newFaultStage(t *testing.T, version string) *faultStage {
	t.Helper()
	text, err := os.ReadFile(faultSite)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "\ntalos:\n", "\ntalos:\n  version: "+version+"\n", 1)), 0o600))
	s := startStage(t, Config{
		SiteFile: file, Speed: faultSpeed, WithoutPlane: true, DataDisk: true, Spares: []fleet.MachineSpec{spareMachine()},
	})
	return &faultStage{stage: s, talos: version, delivered: map[string]map[string]fleet.Contents{}}
}

// spareMachine is a cheap board: its UUID is that of w1.
func spareMachine() fleet.MachineSpec {
	return fleet.MachineSpec{
		Name: "spare", MAC: net.HardwareAddr{0x52, 0x54, 0, 0x78, 0, 9}, UUID: "4c4c4544-0051-3010-8056-b9c04f4a3733", Firmware: fleet.UEFI,
		Disks: []fleet.Disk{{Path: "/dev/vda", Size: 100 << 30, Model: "SIMULATED", Serial: "SPARE-DISK", Transport: "virtio"}},
	}
}

// survives brings the site up through some faults, mending what a person has to whenever up ends with an error that says so.
func (s *faultStage) survives(random *rand.Rand, faults ...fault) {
	s.t.Helper()
	var open []arranged
	mayKill := false
	for _, f := range faults {
		if f.namespaces && s.Network() != Namespaces {
			s.t.Skip("cables and other hosts need network namespaces, and they need root")
		}
		mend := f.arrange(s, random)
		mayKill = mayKill || f.kills
		if f.says != "" {
			open = append(open, arranged{fault: f, mend: mend})
		}
	}
	s.switchOn()
	for run := 0; ; run++ {
		require.Less(s.t, run, 3+len(faults), "it does not converge")
		u := s.start("--until", lastFaultPhase, "--node-timeout", patienceFor(open))
		if mayKill {
			mayKill = false
			s.killAt(u, time.Duration(random.Int64N(int64(healthyRun))))
			s.keepsWhatWasPromised() // it may have left half a download behind, with which the next run goes on
			continue
		}
		code, said := u.wait(s.t)
		s.keepsWhatWasPromised()
		requireWhole(s.t, s.work)
		if code == 0 {
			break
		}
		open = s.mendWhatWasSaid(open, code, verdict(s.t, said), len(faults) == 1)
	}
	s.hasConverged()
}

// patienceFor is how long up waits for machines: not long while some of them will never come.
func patienceFor(open []arranged) string {
	if slices.ContainsFunc(open, func(f arranged) bool { return f.waits }) {
		return "25s"
	}
	return "3m"
}

// switchOn notes what is on the disks, and switches the machines of the site on.
func (s *faultStage) switchOn() {
	for _, name := range append(machinesOfFaults(), "spare") {
		s.delivered[name] = s.Fleet.Contents(name)
	}
	require.NoError(s.t, s.Fleet.PowerOn(slices.DeleteFunc(machinesOfFaults(), func(name string) bool { return slices.Contains(s.held, name) })...))
}

// hold keeps a machine off until something holds, or it has been long enough.
func (s *faultStage) hold(machine string, until func() bool) {
	s.held = append(s.held, machine)
	ended := make(chan error, 1)
	go func() {
		for deadline := time.Now().Add(10 * time.Second); !until() && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		ended <- s.Fleet.PowerOn(machine)
	}()
	s.t.Cleanup(func() { require.NoError(s.t, <-ended) })
}

// mendWhatWasSaid does what a person does about the faults that an error may be about, and gives those that are left. It must
// be about one of them, and nothing may have happened to the machines that it is about.
func (s *faultStage) mendWhatWasSaid(open []arranged, code int, said string, alone bool) (left []arranged) {
	s.t.Helper()
	for _, f := range open {
		if !regexp.MustCompile(f.says).MatchString(said) {
			left = append(left, f)
			continue
		}
		require.Equal(s.t, max(f.code, 1), code, said)
		untouched := f.untouched
		if alone && f.first {
			untouched = append(machinesOfFaults(), "spare")
		}
		for _, machine := range untouched {
			require.Zero(s.t, s.count("apply", machine), "%s was sent a config, although %s", machine, f.name)
			require.Equal(s.t, s.delivered[machine], s.Fleet.Contents(machine), "the disks of %s, although %s", machine, f.name)
		}
		f.mend()
	}
	require.Less(s.t, len(left), len(open), "up ended with an error that none of the faults left explains: %v, got:\n%s", names(left), said)
	return left
}

func names(faults []arranged) (out []string) {
	for _, f := range faults {
		out = append(out, f.name)
	}
	return out
}

// onSubnet is an address with the prefix of the site's network.
func (s *stage) onSubnet(address string) netip.Prefix {
	return netip.PrefixFrom(netip.MustParseAddr(address), s.site.Network.NodeSubnet.Bits())
}
