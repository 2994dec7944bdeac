// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestAHealthyNodeShowsIt(t *testing.T) {
	lab := newLab(t, 175)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.bootstrap()

	c := m.admin()
	lab.eventually("readiness", func() error {
		status, err := safe.StateGetByID[*runtime.MachineStatus](t.Context(), c.COSI, runtime.MachineStatusID)
		if err == nil && (!status.TypedSpec().Status.Ready || status.TypedSpec().Stage != runtime.MachineStageRunning) {
			err = fmt.Errorf("got %+v", status.TypedSpec())
		}

		return err
	})

	memory, err := c.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(16<<20), memory.GetMessages()[0].GetMeminfo().GetMemtotal(), "in KiB")

	volume, err := safe.StateGetByID[*block.VolumeStatus](t.Context(), c.COSI, constants.EphemeralPartitionLabel)
	require.NoError(t, err)
	require.Equal(t, uint64(100<<30-2212<<20), volume.TypedSpec().Size)

	servers, err := safe.StateGetByID[*network.TimeServerStatus](t.Context(), c.COSI, network.TimeServerID)
	require.NoError(t, err)
	require.NotEmpty(t, servers.TypedSpec().NTPServers)

	lab.eventually("static pods", func() error {
		pods, err := safe.StateListAll[*k8s.StaticPodStatus](t.Context(), c.COSI)
		if err == nil && pods.Len() != 3 {
			err = fmt.Errorf("%d static pods", pods.Len())
		}

		return err
	})
}

func TestAilmentsShowWhileTheyLastAndNoLonger(t *testing.T) {
	lab := newLab(t, 176)
	m := lab.machine(1)
	c := m.anonymous()

	lab.eventually("an answer", func() error {
		_, err := c.Version(t.Context())

		return err
	})

	m.ail(talosim.Ailments{
		ClockOffset: -time.Hour, Memory: 1 << 30, Diagnostics: map[string]string{"a": "one", "b": "two"},
	})

	told, err := c.TimeCheck(t.Context(), "192.0.2.1")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-time.Hour), told.GetMessages()[0].GetLocaltime().AsTime(), time.Minute)
	require.WithinDuration(t, time.Now(), told.GetMessages()[0].GetRemotetime().AsTime(), time.Minute)

	_, err = c.TimeCheck(t.Context(), "")
	require.ErrorContains(t, err, "ntp server is required")

	memory, err := c.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(1<<20), memory.GetMessages()[0].GetMeminfo().GetMemtotal())

	found, err := safe.StateListAll[*runtime.Diagnostic](t.Context(), c.COSI)
	require.NoError(t, err)
	require.Equal(t, 2, found.Len())

	m.ail(talosim.Ailments{ClockHidden: true, Diagnostics: map[string]string{"b": "two"}})

	found, err = safe.StateListAll[*runtime.Diagnostic](t.Context(), c.COSI)
	require.NoError(t, err)
	require.Equal(t, 1, found.Len())
	require.Equal(t, "b", found.Get(0).Metadata().ID())

	_, err = c.TimeCheck(t.Context(), "192.0.2.1")
	require.ErrorContains(t, err, "error querying NTP server")
}

func TestAMachineOutOfSyncSaysSoInEachOfItsWays(t *testing.T) {
	lab := newLab(t, 177)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	c := m.admin()

	lab.eventually("an answer", func() error {
		_, err := c.Version(t.Context())

		return err
	})

	for _, synced := range []bool{false, true, false} {
		m.faults.mu.Lock()
		m.faults.behind = !synced
		m.faults.mu.Unlock()

		status, err := safe.StateGetByID[*timeres.Status](t.Context(), c.COSI, timeres.StatusID)
		require.NoError(t, err)
		require.Equal(t, synced, status.TypedSpec().Synced)

		_, err = c.Time(t.Context())
		require.Equal(t, synced, err == nil, "it asks its own servers: %v", err)

		machine, err := safe.StateGetByID[*runtime.MachineStatus](t.Context(), c.COSI, runtime.MachineStatusID)
		require.NoError(t, err)

		said := fmt.Sprint(machine.TypedSpec().Status.UnmetConditions)
		if synced {
			require.NotContains(t, said, "time is not synced")
		} else {
			require.Contains(t, said, "{time time is not synced}")
		}
	}
}

func (f *testFaults) ailments() talosim.Ailments {
	f.mu.Lock()
	defer f.mu.Unlock()

	return f.ailing
}

func (m *testMachine) ail(with talosim.Ailments) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()

	m.faults.ailing = with
}
