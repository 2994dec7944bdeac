// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// onDisks is what a machine says of its disks: by device, what it recognised; its system disk; whether META was found.
type onDisks struct {
	volumes map[string]string
	system  string
	meta    block.VolumePhase
}

func (m *testMachine) onDisks(c *client.Client) (onDisks, error) {
	out := onDisks{volumes: map[string]string{}}

	volumes, err := safe.StateListAll[*block.DiscoveredVolume](m.lab.Context(), c.COSI)
	if err != nil {
		return out, err
	}

	for v := range volumes.All() {
		spec := v.TypedSpec()
		out.volumes[spec.DevPath] = spec.Name + "|" + spec.Label + "|" + spec.PartitionLabel + "|" + spec.ParentDevPath
	}

	system, err := safe.StateGetByID[*block.SystemDisk](m.lab.Context(), c.COSI, block.SystemDiskID)
	if err == nil {
		out.system = system.TypedSpec().DevPath
	} else if !state.IsNotFoundError(err) {
		return out, err
	}

	meta, err := safe.StateGetByID[*block.VolumeStatus](m.lab.Context(), c.COSI, "META")
	if err == nil {
		out.meta = meta.TypedSpec().Phase
	}

	return out, err
}

// inMaintenance waits for maintenance mode.
func (m *testMachine) inMaintenance() (found onDisks) {
	m.lab.Helper()
	m.lab.eventually("maintenance", func() (err error) {
		found, err = m.onDisks(m.anonymous())

		return err
	})

	return found
}

// runsFrom waits for the installed system and gives its system disk.
func (m *testMachine) runsFrom() string {
	m.lab.Helper()

	var found onDisks

	m.lab.eventually("the installed system", func() (err error) {
		found, err = m.onDisks(m.admin())

		return err
	})

	return found.system
}

func wipe(t *testing.T, c *client.Client, device string, skip bool) error {
	t.Helper()

	return c.BlockDeviceWipe(t.Context(), &storage.BlockDeviceWipeRequest{Devices: []*storage.BlockDeviceWipeDescriptor{
		{Device: device, Method: storage.BlockDeviceWipeDescriptor_FAST, SkipVolumeCheck: skip},
	}})
}

func holding(contents talosim.Contents) func(*talosim.Config) {
	return func(c *talosim.Config) { c.Hardware.Disks[0].Holds = contents }
}

func TestDisksWithDataAreShownAndInstalledToAllTheSame(t *testing.T) {
	lab := newLab(t, 180)
	lab.change = holding(talosim.Contents{Format: "gpt", Partitions: []talosim.Partition{
		{Label: "data", Size: 1 << 30, Format: "ext4", FilesystemLabel: "photos"},
	}})
	m := lab.machine(1)
	require.Equal(t, onDisks{volumes: map[string]string{
		"/dev/vda": "gpt|||", "/dev/vda1": "ext4|photos|data|/dev/vda", "/dev/vdb": "|||",
	}, meta: block.VolumePhaseMissing}, m.inMaintenance())

	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	require.Equal(t, "/dev/vda", m.runsFrom())

	found, err := m.onDisks(m.admin())
	require.NoError(t, err)
	require.Equal(t, "xfs|STATE|STATE|/dev/vda", found.volumes["/dev/vda5"])
	require.NotContains(t, fmt.Sprint(found), "photos", "Talos does not ask")
	require.Equal(t, block.VolumePhaseReady, found.meta)

	err = wipe(t, m.dial(client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), 10), "vdb", true)
	require.Error(t, err, "a configured machine's disks are its administrator's")
	require.NoError(t, wipe(t, m.admin(), "vdb", false))
}

func TestATalosThatFindsAnInstallationDoesNotInstallAgainBeforeItRestarts(t *testing.T) {
	lab := newLab(t, 181)
	lab.change = func(c *talosim.Config) { c.Hardware.Disks[1].Holds = talosim.TornInstall() }
	m := lab.machine(1)
	data := lab.configFor(1, machinetype.TypeControlPlane) // for /dev/vda

	found := m.inMaintenance()
	require.Equal(t, "/dev/vdb", found.system)
	require.Equal(t, block.VolumePhaseReady, found.meta)

	err := wipe(t, m.anonymous(), "vdb", false)
	require.Equal(t, codes.FailedPrecondition, client.StatusCode(err), "%v", err)
	require.Equal(t, codes.NotFound, client.StatusCode(wipe(t, m.anonymous(), "vdz", true)))
	require.NoError(t, wipe(t, m.anonymous(), "vdb", true))

	found = m.inMaintenance()
	require.Empty(t, found.system)
	require.Equal(t, block.VolumePhaseReady, found.meta, "it is only looked for at the start")

	m.off()
	m.on()
	require.Equal(t, block.VolumePhaseMissing, m.inMaintenance().meta)
	m.install(data)
	require.Equal(t, "/dev/vda", m.runsFrom())
}

func TestAConfigGivenToAMachineWithMETAStaysOnThatDisk(t *testing.T) {
	lab := newLab(t, 182)
	lab.change = func(c *talosim.Config) { c.Hardware.Disks[1].Holds = talosim.TornInstall() }
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane)) // for /dev/vda
	require.Equal(t, "/dev/vdb", m.runsFrom())
}

func TestOrderedFaultsOfDisks(t *testing.T) {
	lab := newLab(t, 183)
	lab.change = func(c *talosim.Config) { c.DiskMissing = func(path string) bool { return path == "/dev/vda" } }
	m := lab.machine(1)
	require.Equal(t, map[string]string{"/dev/vdb": "|||"}, m.inMaintenance().volumes)
	_, err := m.apply(lab.configFor(1, machinetype.TypeControlPlane), true)
	require.Equal(t, codes.InvalidArgument, client.StatusCode(err), "%v", err)

	m.off()
	lab.change = func(c *talosim.Config) { c.InstallTo = func(string) string { return "/dev/vdb" } }
	m.on()
	m.inMaintenance()
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	require.Equal(t, "/dev/vdb", m.runsFrom())
}

func TestAnInstallationWithoutPowerMayLeaveItsPartitions(t *testing.T) {
	lab := newLab(t, 184)
	lab.change = func(c *talosim.Config) { c.InstallTorn = func() bool { return true } }
	m := lab.machine(1)
	m.inMaintenance()
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	lab.eventually("the installation", func() error {
		if !slices.Contains(m.seenStages(), talosim.StageInstalling) {
			return fmt.Errorf("only %v", m.seenStages())
		}

		return nil
	})
	m.off()
	require.False(t, m.storage.Installed())
	m.on()

	found := m.inMaintenance()
	require.Equal(t, "/dev/vda", found.system)
	require.Equal(t, block.VolumePhaseReady, found.meta)

	m.off()
	m.storage.Wipe()
	m.on()
	require.Empty(t, m.inMaintenance().system)
}

func TestProcessorsAndMemoryAreTold(t *testing.T) {
	lab := newLab(t, 185)
	lab.change = func(c *talosim.Config) {
		c.Hardware.Processors = []talosim.Processor{{Model: "Simulated", Cores: 4, Threads: 8}}
		c.Hardware.Memory = 32 << 30
	}
	m := lab.machine(1)
	m.inMaintenance()

	processors, err := safe.StateListAll[*hardware.Processor](t.Context(), m.anonymous().COSI)
	require.NoError(t, err)
	require.Equal(t, 1, processors.Len())
	require.Equal(t, uint32(8), processors.Get(0).TypedSpec().ThreadCount)

	modules, err := safe.StateListAll[*hardware.MemoryModule](t.Context(), m.anonymous().COSI)
	require.NoError(t, err)
	require.Equal(t, uint32(32<<10), modules.Get(0).TypedSpec().Size)
}
