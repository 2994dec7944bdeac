// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"flag"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
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
)

// fault is something that goes wrong in a bring-up.
type fault struct {
	name string
	// arrange is called when the machines are off. What it gives is what a person does before running up again; nil where
	// nobody has to do anything.
	arrange func(s *stage, random *rand.Rand) (mend func())
	// says is what up may end with. Empty: it converges by itself.
	says string
	// kills says that up is killed at a random moment.
	kills bool
	// waits says that up must wait in vain before it says so.
	waits bool
	// namespaces says that it can't be played through a relay.
	namespaces bool
}

// newFaultStage is the faults' site with an API that only knows nodes, and machines that have data to lose.
func newFaultStage(t *testing.T) *stage {
	t.Helper()
	built, err := programs()
	require.NoError(t, err)
	dir := t.TempDir()
	logged, err := os.Create(filepath.Join(dir, "world.log"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = logged.Close()
		if t.Failed() {
			text, _ := os.ReadFile(logged.Name())
			t.Logf("what the simulated site did:\n%s", tail(text, 80))
		}
	})
	w, err := Start(t.Context(), Config{
		Dir: filepath.Join(dir, "world"), SiteFile: faultSite, Programs: built, Speed: faultSpeed, WithoutPlane: true, DataDisk: true,
		Log: slog.New(slog.NewTextHandler(logged, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return &stage{World: w, t: t, work: filepath.Join(dir, "work"), siteFile: w.SiteFile()}
}

// survives brings the site up through some faults, mending what a person has to whenever up ends with an error that says so.
func (s *stage) survives(random *rand.Rand, faults ...fault) {
	s.t.Helper()
	patience, mayKill := "3m", false
	var mends []func()
	var says []*regexp.Regexp
	for _, f := range faults {
		if f.namespaces && s.Network() != Namespaces {
			s.t.Skip("cutting cables needs network namespaces, and they need root")
		}
		if mend := f.arrange(s, random); mend != nil {
			mends = append(mends, mend)
		}
		if f.says != "" {
			says = append(says, regexp.MustCompile(f.says))
		}
		if f.waits {
			patience = "25s"
		}
		mayKill = mayKill || f.kills
	}
	require.NoError(s.t, s.Fleet.PowerOn())
	for run := 0; ; run++ {
		require.Less(s.t, run, 4, "it does not converge")
		u := s.start("--until", lastFaultPhase, "--node-timeout", patience)
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
		require.Equal(s.t, 1, code, said)
		requireOneOf(s.t, says, verdict(s.t, said))
		for _, mend := range mends {
			mend()
		}
		mends, patience = nil, "3m"
	}
	s.hasConverged()
}

func requireOneOf(t *testing.T, says []*regexp.Regexp, said string) {
	t.Helper()
	for _, one := range says {
		if one.MatchString(said) {
			return
		}
	}
	require.Fail(t, "up ended with an error that none of the faults explains", "want one of %s, got:\n%s", says, said)
}

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
func (s *stage) keepsWhatWasPromised() {
	s.t.Helper()
	require.LessOrEqual(s.t, s.count("etcd-founded"), 1, "etcd clusters")
	for _, e := range s.Fleet.Events() {
		if e.Kind == "install" {
			require.Equal(s.t, "/dev/vda", e.Details["disk"], "%s was installed on a disk that was not asked for", e.Machine)
		}
	}
}

// hasConverged checks that the machines are what up says they are, and that running it again changes nothing.
func (s *stage) hasConverged() {
	s.t.Helper()
	require.Equal(s.t, 1, s.count("etcd-founded"), "etcd clusters")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, s.Fleet.WaitState(ctx, fleet.Running))
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
