// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASiteFileBecomesAReadyTenantRoot(t *testing.T) {
	newStage(t, labSite).becomesReady()
}

func TestASiteFileBecomesAReadyTenantRootThroughARelay(t *testing.T) {
	s := newStageOn(t, Relayed, labSite)
	require.Equal(t, Relayed, s.Network())
	require.Empty(t, s.BastionPath())
	s.becomesReady()
}

func (s *stage) becomesReady() {
	t := s.t
	t.Helper()
	require.NoError(t, s.Fleet.PowerOn())
	var outcome struct {
		Complete bool
		Phases   []struct {
			Phase          string
			ElapsedSeconds float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.mustUp()), &outcome))
	require.True(t, outcome.Complete)
	require.Equal(t, 1, s.count("bootstrap"), "a second call would begin anew")
	for _, p := range outcome.Phases {
		t.Logf("%-12s %6.2f s", p.Phase, p.ElapsedSeconds)
	}
}
