// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASiteFileBecomesAReadyTenantRoot(t *testing.T) {
	s := newStage(t, labSite)
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
	for _, p := range outcome.Phases {
		t.Logf("%-12s %6.2f s", p.Phase, p.ElapsedSeconds)
	}
}
