// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The parts build on each other and share one plane.
func TestBundles(t *testing.T) {
	w := newWorld(t)
	w.standIn(t, w.plan(t, platform, nil), nil)

	ok := t.Run("core is installed from nothing", w.coreFromNothing) &&
		t.Run("Flux of somebody else is used as it is", w.fluxIsRespected) &&
		t.Run("core again writes nothing", w.coreAgain) &&
		t.Run("core goes on after its first install was killed", w.killedInstallGoesOn) &&
		t.Run("core goes on after an upgrade was killed", w.killedUpgradeGoesOn) &&
		t.Run("core goes on after an upgrade was cancelled", w.cancelledUpgradeGoesOn) &&
		t.Run("failure stops only what depends on it", w.failureStopsOnlyDependents) &&
		t.Run("mended plan converges", w.mendedPlanConverges) &&
		t.Run("rest again writes nothing", w.trialAgain) &&
		t.Run("rest goes on after an upgrade was cancelled", w.cancelledRestGoesOn) &&
		t.Run("rest of the platform is installed", w.restOfThePlatform) &&
		t.Run("rest of the platform again writes nothing", w.platformAgain)
	require.True(t, ok, "the parts after the failed one were not run")
}
