// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestOrderedFaultsOfTheAPI(t *testing.T) {
	lab := newLab(t, 173)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))

	m.faults.mu.Lock()
	m.faults.behind = true
	m.faults.mu.Unlock()

	c := m.admin()
	lab.eventually("unsynced time", func() error {
		err := c.Bootstrap(t.Context(), &machine.BootstrapRequest{})
		if client.StatusCode(err) != codes.FailedPrecondition || status.Convert(err).Message() != "time is not in sync yet" {
			return fmt.Errorf("got %w", err)
		}

		return nil
	})

	m.faults.mu.Lock()
	m.faults.behind = false
	m.faults.next["Bootstrap"] = talosim.Fault{Refuse: status.Error(codes.DeadlineExceeded, "ordered")}
	m.faults.mu.Unlock()
	require.Equal(t, codes.DeadlineExceeded, client.StatusCode(c.Bootstrap(t.Context(), &machine.BootstrapRequest{})))

	m.faults.mu.Lock()
	m.faults.next["Bootstrap"] = talosim.Fault{LoseAnswer: true}
	m.faults.mu.Unlock()
	require.Equal(t, codes.Unavailable, client.StatusCode(c.Bootstrap(t.Context(), &machine.BootstrapRequest{})))
	m.wantMembers("node-1")

	m.faults.mu.Lock()
	m.faults.next["Version"] = talosim.Fault{Delay: 100 * time.Second} // 1 s
	m.faults.mu.Unlock()

	begun := time.Now()
	_, err := c.Version(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
}

func TestEventsTellTheStages(t *testing.T) {
	lab := newLab(t, 174)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.bootstrap()

	c := m.admin()
	events := make(chan client.EventResult)
	require.NoError(t, c.EventsWatchV2(t.Context(), events, client.WithTailEvents(-1)))

	var stages []machine.MachineStatusEvent_MachineStage

	for result := range events {
		require.NoError(t, result.Error)

		event, ok := result.Event.Payload.(*machine.MachineStatusEvent)
		if !ok {
			continue
		}

		if len(stages) == 0 {
			require.False(t, event.GetStatus().GetReady(), "no service runs yet: %v", event)
		}

		if len(stages) == 0 || stages[len(stages)-1] != event.GetStage() {
			stages = append(stages, event.GetStage())
		}

		if event.GetStage() == machine.MachineStatusEvent_RUNNING {
			require.True(t, event.GetStatus().GetReady())

			break
		}
	}

	require.Equal(t, []machine.MachineStatusEvent_MachineStage{
		machine.MachineStatusEvent_BOOTING, machine.MachineStatusEvent_RUNNING,
	}, stages)
}
