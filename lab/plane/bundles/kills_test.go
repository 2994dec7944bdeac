// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bundles"
)

// How often the installer is killed, and when; make soak-bundles asks for more.
var (
	kills = flag.Int("kills", 5, "at how many random moments the installer of a bundle is killed")
	seed  = flag.Uint64("seed", 0, "makes the moments; 0: another one each time")
)

// longestLife is how long an installer lives at most. Five with that are killed on average over the 30 s that a bundle takes
// here on idle processors.
const longestLife = 12 * time.Second

const killed = "distro-hosted"

// The installer is killed over and over, and started again. One that lived long enough to end has installed an edition of
// the bundle; then it is killed while it installs the next.
func TestInstallerThatIsKilledGoesOn(t *testing.T) {
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("the moments are those of -seed %d -kills %d", from, *kills)
	random := rand.New(rand.NewPCG(from, 0))

	w := newWorld(t)
	w.hasANetwork(t)
	w.standIn(t, w.fullPlan(t, killed), nil)
	guard := w.watchOver(t)
	edition, hits := 1, 0
	for hits < *kills {
		if w.isKilled(t, edition, time.Duration(random.Int64N(int64(longestLife)))) {
			hits++
			continue
		}
		w.requireEdition(t, edition, hits)
		edition++
	}
	last := w.startJob(t, job{Bundle: killed, Edition: edition})
	require.NoError(t, last.wait(t), "%s", last.output)
	w.requireEdition(t, edition, hits)
	guard.requireNothingGone(t)
}

// isKilled runs an installer, and kills it after a while; false if it had come to its end before.
func (w *world) isKilled(t *testing.T, edition int, after time.Duration) bool {
	t.Helper()
	p := w.startJob(t, job{Bundle: killed, Edition: edition})
	select {
	case err := <-p.ended:
		require.NoError(t, err, "%s", p.output)
		t.Logf("edition %d was installed in less than %v", edition, after)
		return false
	case <-time.After(after):
	}
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait(t))
	t.Logf("killed after %v", after)
	return true
}

func (w *world) requireEdition(t *testing.T, edition, kills int) {
	t.Helper()
	plan, err := w.shelf.whole(t.Context(), killed, edition)
	require.NoError(t, err)
	w.requireConverged(t, plan, func(p bundles.Package) int {
		switch {
		case plan.IsCore(p.Name):
			return edition + kills // a killed installer may have left a revision behind
		case p.Chart.Embedded != "":
			return 1 // the same in all editions
		}
		return edition // Flux has not noticed
	})
	for _, p := range plan.Packages[len(plan.Core):] {
		require.Equal(t, p.Values, w.releaseOf(t, p).GetValues(), p.Name)
	}
}

// installWhole installs a bundle with everything optional.
func (s *shelf) installWhole(ctx context.Context, config *rest.Config, bundle string, edition int) error {
	plan, err := s.whole(ctx, bundle, edition)
	if err != nil {
		return err
	}
	core, err := s.core(config)
	if err != nil {
		return err
	}
	if err := core.Install(ctx, plan, nil); err != nil {
		return err
	}
	flux, err := bundles.NewFlux(config, s.shelf(), "")
	if err != nil {
		return err
	}
	return flux.Install(ctx, plan, nil)
}

// whole is a bundle with everything optional. Its editions differ in values, which stand-ins do not look at.
func (s *shelf) whole(ctx context.Context, bundle string, edition int) (*bundles.Plan, error) {
	set, ok := s.catalog.Bundle(bundle)
	if !ok {
		return nil, fmt.Errorf("no bundle %s", bundle)
	}
	plan, err := s.resolve(ctx, bundle, bundles.Choices{Enable: set.Optional()})
	if err != nil {
		return nil, err
	}
	for i := range plan.Packages {
		p := &plan.Packages[i]
		if p.Values == nil {
			p.Values = map[string]any{}
		}
		switch {
		case p.Name == "cozy-controller":
			p.Values["image"] = fmt.Sprintf("example.org/controller:%d", edition)
		case p.Chart.Embedded == "":
			p.Values["edition"] = float64(edition) // as it comes back
		}
	}
	return plan, nil
}
