// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/talos"
)

// soon bounds how long anything in these tests may take.
func soon(t *testing.T) context.Context {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)

	return ctx
}

func TestMachinesBecomeAClusterWithoutPrivileges(t *testing.T) {
	network, o, factory := relaySite(t, 180)
	o.machines, o.workers = 4, 1
	link := newKubernetes()
	f := rack(t, network, o.machines, link)

	ctx := soon(t)
	require.NoError(t, o.start(ctx))
	require.NoError(t, f.PowerOn())
	require.NoError(t, f.WaitState(ctx, fleet.Maintenance))
	checkFetched(t, f, factory, o.machines)

	require.NoError(t, o.build(ctx))
	require.NoError(t, f.WaitState(ctx, fleet.Running))

	for n := 1; n <= o.machines; n++ {
		require.Equal(t, fmt.Sprintf("192.0.2.%d", 10+n), link.nodes[fmt.Sprintf("node-%d", n)].String())
		require.Equal(t, []fleet.State{
			fleet.Netboot, fleet.Maintenance, fleet.Installing, fleet.Rebooting, fleet.Netboot, fleet.Booting, fleet.Running,
		}, states(f, machineName(n)))
	}

	require.Len(t, events(f, "m1", "from-disk"), 1, "the boot script said exit")
	require.Len(t, events(f, "m3", "from-disk"), 1, "the UKI was not there any more")
	require.Len(t, events(f, "m3", "next-device"), 1)
	require.Equal(t, 1, countKind(f, "etcd-founded"))

	require.NoError(t, f.PowerOff("m4"))
	require.NoError(t, f.WaitState(ctx, fleet.Off, "m4"))
	require.True(t, link.down["node-4"])
	require.NoError(t, f.PowerOn("m4"))
	require.NoError(t, f.Reboot("m2"))
	require.NoError(t, f.WaitState(ctx, fleet.Running))
	require.False(t, link.down["node-4"])
}

// checkFetched compares what each machine booted with what the factory and the loaders are, byte for byte.
func checkFetched(t *testing.T, f *fleet.Fleet, factory *sitesim.Factory, count int) {
	t.Helper()

	id, _, err := talos.Schematic(talos.Requirements{}, nil, nil)
	require.NoError(t, err)

	want := map[string]bool{}
	for _, file := range []string{"kernel-amd64", "initramfs-amd64.xz", "metal-amd64-uki.efi"} {
		want[sum(factory.Content(id, "v1.13.9", file))] = true
	}

	for n := 1; n <= count; n++ {
		images := events(f, machineName(n), "image")
		byHTTP := len(events(f, machineName(n), "uki")) == 1
		require.Equal(t, n%3 == 0, byHTTP)
		require.Len(t, images, map[bool]int{true: 1, false: 2}[byHTTP])

		for _, image := range images {
			require.True(t, want[image.Details["sha256"]], "%v", image.Details)
		}

		if byHTTP {
			continue
		}

		loader := events(f, machineName(n), "loader")[0].Details
		require.Equal(t, sum(sitesim.Loader(loader["file"])), loader["sha256"])
	}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)

	return hex.EncodeToString(s[:])
}

func events(f *fleet.Fleet, machine, kind string) (found []fleet.Event) {
	for _, e := range f.Events() {
		if e.Machine == machine && e.Kind == kind {
			found = append(found, e)
		}
	}

	return found
}

func countKind(f *fleet.Fleet, kind string) (n int) {
	for _, e := range f.Events() {
		if e.Kind == kind {
			n++
		}
	}

	return n
}

func states(f *fleet.Fleet, machine string) (seen []fleet.State) {
	for _, e := range events(f, machine, "state") {
		seen = append(seen, fleet.State(e.Details["to"]))
	}

	return seen
}

func TestOrderedFaults(t *testing.T) {
	network, o, _ := relaySite(t, 181)
	o.machines = 3
	f := rack(t, network, o.machines, newKubernetes())

	ctx := soon(t)
	require.NoError(t, o.start(ctx))

	require.NoError(t, f.MakeForeign("m1"))
	require.NoError(t, f.Order("m2", fleet.NeverUp()))
	require.NoError(t, f.Order("m3", fleet.DropDHCP(2), fleet.DropTFTP(2),
		fleet.Refuse("ApplyConfiguration", codes.FailedPrecondition, "ordered"), fleet.AnswerLate("Version", 20*time.Second)))
	require.NoError(t, f.PowerOn())
	require.NoError(t, f.WaitState(ctx, fleet.Booting, "m1"))
	require.NoError(t, f.WaitState(ctx, fleet.Maintenance, "m3"))

	lease := netip.MustParsePrefix(events(f, "m1", "address")[0].Details["address"])
	require.NoError(t, until(ctx, "the foreign machine", func() error {
		answer, err := talos.Probe(ctx, netip.AddrPortFrom(lease.Addr(), 50000), nil)
		if answer.State != talos.Foreign {
			return fmt.Errorf("%s: %w", answer.State, err)
		}

		return nil
	}))

	require.Equal(t, fleet.Netboot, f.State("m2"))
	require.Empty(t, events(f, "m2", "address"))

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, f.WaitState(short, fleet.Maintenance, "m2", "m3"), "m2 is netboot")

	require.NoError(t, f.Clear("m2"))
	require.NoError(t, f.Reboot("m2"))
	require.NoError(t, f.WaitState(ctx, fleet.Maintenance, "m2"))

	require.ErrorContains(t, f.MakeForeign("m3"), "not off")
	require.ErrorContains(t, f.PowerOn("m9"), `no machine is called "m9"`)
}

func TestAMachineWithNothingToBootGoesRoundAndRecovers(t *testing.T) {
	network, o, _ := relaySite(t, 182)
	o.machines = 1
	f := rack(t, network, 1, nil)
	ctx := soon(t)
	require.NoError(t, f.PowerOn())
	require.NoError(t, until(ctx, "the failure", func() error {
		if countKind(f, "error") == 0 {
			return context.DeadlineExceeded
		}

		return nil
	}))
	require.Contains(t, events(f, "m1", "error")[0].Details["text"], "no bootable device")
	require.NoError(t, o.start(ctx))
	require.NoError(t, f.WaitState(ctx, fleet.Maintenance))
}

func TestNewRefusesMachinesThatCannotBe(t *testing.T) {
	network, _, _ := relaySite(t, 183)
	good := fleet.MachineSpec{Name: "m1", MAC: machineMAC(1)}

	for want, change := range map[string]func(*fleet.Config){
		"without a network":      func(c *fleet.Config) { c.Network = nil },
		"no name":                func(c *fleet.Config) { c.Machines[0].Name = "" },
		"not six bytes":          func(c *fleet.Config) { c.Machines[0].MAC = nil },
		`UUID "x"`:               func(c *fleet.Config) { c.Machines[0].UUID = "x" },
		`firmware "coreboot"`:    func(c *fleet.Config) { c.Machines[0].Firmware = "coreboot" },
		`dialect "smoke"`:        func(c *fleet.Config) { c.Machines[0].Accepts = "smoke" },
		"two machines have this": func(c *fleet.Config) { c.Machines = append(c.Machines, good) },
	} {
		cfg := fleet.Config{Network: network, Machines: []fleet.MachineSpec{good}}
		change(&cfg)

		_, err := fleet.New(cfg)
		require.ErrorContains(t, err, want)
	}
}
