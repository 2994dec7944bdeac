// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/perf"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestMaintenanceBefore113TellsTheTimeByItsLoadOnly(t *testing.T) {
	lab := newLab(t, 176)
	lab.version = "v1.12.6"
	m := lab.machine(1)
	m.inMaintenance()
	m.ail(talosim.Ailments{ClockOffset: time.Hour})

	c := m.anonymous()
	_, err := c.TimeCheck(t.Context(), "192.0.2.1")
	require.Equal(t, codes.Unimplemented, client.StatusCode(err), "%v", err)
	require.ErrorContains(t, err, "unknown service time.TimeService")

	events := make(chan safe.WrappedStateEvent[*perf.CPU])
	require.NoError(t, safe.StateWatch(t.Context(), c.COSI, perf.NewCPU().Metadata(), events))

	for event := range events {
		require.NotEqual(t, state.Errored, event.Type(), "%v", event.Error())

		if event.Type() != state.Updated {
			continue
		}

		load, err := event.Resource()
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(time.Hour), load.Metadata().Updated(), time.Minute)

		return
	}
}
