// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

func photos() talosim.Contents {
	return talosim.Contents{Format: "gpt", Partitions: []talosim.Partition{
		{Label: "data", Size: 1 << 30, Format: "ext4", FilesystemLabel: "photos"},
	}}
}

// holding starts the site's two machines, the control plane with something on its install disk.
func holding(t *testing.T, contents talosim.Contents) map[byte]*simulated {
	t.Helper()
	return machinesWith(t, map[byte]func(*talosim.Config){
		2: func(c *talosim.Config) { c.Hardware.Disks[0].Holds = contents },
		5: func(*talosim.Config) {},
	})
}

func silent(string, ...any) {}

func TestADiskWithDataIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	fleet := holding(t, photos())
	b := withSecrets(t, machineSiteWith(t, "", ""))
	err := b.applyConfigs().Run(t.Context(), silent)
	var data *DiskDataError
	require.ErrorAs(t, err, &data)
	require.Equal(t, "cp1", data.Node)
	require.ErrorContains(t, err, `partition 1 data (ext4 "photos", 1.1 GB)`)
	require.False(t, fleet[2].disks.Installed())
	require.NotContains(t, b.given, "cp1")
	require.Contains(t, b.given, "w1", "it does not stop the others")
	journal, err := b.dir.Journal()
	require.NoError(t, err)
	require.NotContains(t, journal.Disks, "cp1")
	require.Equal(t, workdir.InstallDisk{From: "serial: D5", Serial: "D5"}, journal.Disks["w1"])

	nodes, err := Nodes(t.Context(), Options{Site: b.site, WorkDir: b.dir.Path(".")}, "cp1")
	require.NoError(t, err)
	require.Contains(t, nodes[0].Fault, "holds data", "it is known before up runs")
	require.Equal(t, &ContentsView{Format: "gpt", Partitions: []PartitionView{
		{Index: 1, Label: "data", Bytes: 1 << 30, Format: "ext4", FilesystemLabel: "photos"},
	}}, nodes[0].Machine.Disks[0].Contents)
}

func TestADiskWithDataIsInstalledToWhenItMayBeWiped(t *testing.T) {
	fleet := holding(t, photos())
	b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}", "disk: {serial: D2, wipe: true}"))
	require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
	require.NoError(t, b.awaitInstallation().Run(t.Context(), silent))
	require.Contains(t, string(fleet[2].disks.Config()), "wipe: true")
	done, err := b.awaitInstallation().Done(t.Context())
	require.NoError(t, err)
	require.True(t, done)
}

func TestAnEarlierTalosIsWipedWhenItMayBeAndTheMachineHasToRestart(t *testing.T) {
	fleet := holding(t, talosim.TornInstall())
	b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}", "disk: {serial: D2, wipe: true}"))
	ran := make(chan error, 1)
	asked := make(chan string, 100)
	go func() {
		ran <- b.applyConfigs().Run(t.Context(), func(format string, args ...any) {
			select {
			case asked <- fmt.Sprintf(format, args...):
			default:
			}
		})
	}()
	for text := range asked {
		if strings.Contains(text, "cp1 must be restarted") {
			break
		}
	}
	require.False(t, fleet[2].disks.Installed(), "no config before: Talos would not install")
	fleet[2].restart()
	require.NoError(t, <-ran)
	require.NoError(t, b.awaitInstallation().Run(t.Context(), silent))
}

func TestAMachineThatMustRestartIsRestartedByItsController(t *testing.T) {
	fleet := holding(t, talosim.TornInstall())
	board := &offMachine{orders: []string{"On"}, restart: fleet[2].restart}
	b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}", "disk: {serial: D2, wipe: true}, "+bmcText(t, board, ", powerOn: true")))
	require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
	require.NoError(t, b.awaitInstallation().Run(t.Context(), silent))
	require.Equal(t, []string{"On", "ForceRestart"}, board.orders, "once")
}

func TestAControllerIsNotUsedUnasked(t *testing.T) {
	holding(t, talosim.TornInstall())
	board := &offMachine{orders: []string{"On"}}
	b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}", "disk: {serial: D2, wipe: true}, "+bmcText(t, board, "")))
	var restart *RestartError
	require.ErrorAs(t, b.applyOnce(t.Context(), silent), &restart)
	require.Contains(t, restart.Hint(), "cozy-install node power cycle cp1 --netboot")
	require.Equal(t, []string{"On"}, board.orders)
}

// A run that was killed, and a machine that lost its power while it installed for that run: what the installer left is
// nobody's data.
func TestAnInterruptedInstallationOfOursIsNoData(t *testing.T) {
	fleet := holding(t, talosim.TornInstall())
	b := withSecrets(t, machineSiteWith(t, "", ""))
	err := b.applyOnce(t.Context(), silent)
	var data *DiskDataError
	require.ErrorAs(t, err, &data, "somebody else's would be")
	require.ErrorContains(t, err, "earlier installation of Talos")

	require.NoError(t, b.dir.UpdateJournal(t.Context(), func(j *workdir.Journal) {
		j.Disks["cp1"] = workdir.InstallDisk{From: "serial: D2", Serial: "D2"}
	}))
	again, err := newBringup(b.opts, b.dir)
	require.NoError(t, err)
	var restart *RestartError
	require.ErrorAs(t, again.applyOnce(t.Context(), silent), &restart)
	require.ErrorAs(t, again.applyOnce(t.Context(), silent), &restart, "also when it is asked again")
	fleet[2].restart()
	require.NoError(t, again.applyConfigs().Run(t.Context(), silent))
	require.NoError(t, again.awaitInstallation().Run(t.Context(), silent))

	require.NoError(t, b.dir.UpdateJournal(t.Context(), func(j *workdir.Journal) { require.True(t, j.Installed["cp1"]) }))
}

// A machine that is installing looks like one in maintenance mode: an earlier run gave it its config.
func TestAMachineThatInstallsIsLeftAloneByTheNextRun(t *testing.T) {
	machinesWith(t, map[byte]func(*talosim.Config){
		2: func(c *talosim.Config) { c.Timing.Install = 10 * time.Minute }, // 6 s
		5: func(*talosim.Config) {},
	})
	b := withSecrets(t, machineSiteWith(t, "", ""))
	require.NoError(t, b.applyOnce(t.Context(), silent))
	again, err := newBringup(b.opts, b.dir)
	require.NoError(t, err)
	require.NoError(t, again.applyOnce(t.Context(), silent))
	require.NoError(t, again.awaitInstallation().Run(t.Context(), silent))
}

func TestATalosOnAnotherDiskIsRefused(t *testing.T) {
	fleet := machinesWith(t, map[byte]func(*talosim.Config){
		2: func(c *talosim.Config) {
			c.Hardware.Disks = append(c.Hardware.Disks, talosim.Disk{
				Path: "/dev/vdb", Size: 50 << 30, Serial: "OLD", Transport: "virtio", Holds: talosim.TornInstall(),
			})
		},
		5: func(*talosim.Config) {},
	})
	b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}", "disk: {serial: D2, wipe: true}"))
	var elsewhere *InstalledElsewhereError
	require.ErrorAs(t, b.applyConfigs().Run(t.Context(), silent), &elsewhere)
	require.Contains(t, elsewhere.Hint(), "talosctl wipe disk vdb")
	require.False(t, fleet[2].disks.Installed())
}

func TestANodeThatRunsFromAnotherDiskIsNamed(t *testing.T) {
	machinesWith(t, map[byte]func(*talosim.Config){
		2: func(c *talosim.Config) {
			c.Hardware.Disks = append(c.Hardware.Disks, talosim.Disk{Path: "/dev/vdb", Size: 50 << 30, Serial: "B", Transport: "virtio"})
			c.InstallTo = func(string) string { return "/dev/vdb" }
		},
		5: func(*talosim.Config) {},
	})
	b := withSecrets(t, machineSiteWith(t, "", ""))
	require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
	var wrong *WrongDiskError
	require.ErrorAs(t, b.awaitInstallation().Run(t.Context(), silent), &wrong)
	require.Equal(t, "/dev/vdb", wrong.Path)
	require.ErrorContains(t, wrong, `node cp1 runs from /dev/vdb`)
	_, err := b.awaitInstallation().Done(t.Context())
	require.ErrorAs(t, err, &wrong, "and again in the next run")
}

func TestAMissingInstallDiskIsNamed(t *testing.T) {
	fleet := machinesWith(t, map[byte]func(*talosim.Config){
		2: func(c *talosim.Config) { c.DiskMissing = func(string) bool { return true } },
		5: func(*talosim.Config) {},
	})
	b := withSecrets(t, machineSiteWith(t, "", ""))
	require.ErrorContains(t, b.applyConfigs().Run(t.Context(), silent), "no disk matches; present are none")
	require.False(t, fleet[2].disks.Installed())
}

func TestAMachineOfEachVersionIsInstalled(t *testing.T) {
	for _, version := range []string{"v1.11.5", "v1.12.3"} {
		t.Run(version, func(t *testing.T) {
			machinesWith(t, map[byte]func(*talosim.Config){
				2: func(c *talosim.Config) { c.Version = version }, 5: func(c *talosim.Config) { c.Version = version },
			})
			b := withSecrets(t, machineSiteWith(t, "talos: {", "talos: {version: "+version+", "))
			require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
			require.NoError(t, b.awaitInstallation().Run(t.Context(), silent))
		})
	}
}

func TestStrangersAreListedAndNeverTouched(t *testing.T) {
	fleet := machinesWith(t, map[byte]func(*talosim.Config){2: func(*talosim.Config) {}, 9: func(*talosim.Config) {}})
	s := machineSiteWith(t, "", "")
	nodes, err := Nodes(t.Context(), Options{Site: s, WorkDir: t.TempDir()})
	require.NoError(t, err)
	require.Len(t, nodes, 3)
	require.True(t, nodes[2].Stranger)
	require.Equal(t, "maintenance", nodes[2].State)
	require.Equal(t, "127.212.7.9", nodes[2].Address)
	require.Equal(t, "SN9", nodes[2].Machine.Serial)
	require.Equal(t, fleet[9].shown(), nodes[2].Fingerprint)

	one, err := MachineAt(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, addr4(9))
	require.NoError(t, err)
	require.Equal(t, nodes[2], one)
	one, err = MachineAt(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, addr4(2))
	require.NoError(t, err)
	require.Equal(t, "cp1", one.Name)
	one, err = MachineAt(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, addr4(8))
	require.NoError(t, err)
	require.Equal(t, "unreachable", one.State)

	// Somebody else takes it into a cluster.
	theirs := withSecrets(t, machineSiteWith(t, "", ""))
	node := theirs.site.Nodes[0]
	node.MAC, node.Address, node.Disk.Serial = "52:54:00:12:00:09", addr4(9), "D9"
	theirs.site.Nodes[0] = node
	seen, _ := theirs.inspect(t.Context(), netip.AddrPortFrom(addr4(9), talos.Port))
	require.NoError(t, theirs.applyAll(t.Context(), map[string]sight{"cp1": seen}, silent))
	require.Eventually(t, func() bool {
		one, err = MachineAt(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, addr4(9))
		return err == nil && one.State == "foreign"
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, NodeView{Stranger: true, State: "foreign", Address: "127.212.7.9"}, one)
}

func addr4(number byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 212, 7, number}) }
