// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/talos"
)

// dialFake serves a node in maintenance and returns a client that is pinned to it.
func dialFake(t *testing.T, node *fakeNode) *talos.Client {
	t.Helper()

	config := maintenanceTLS(t)

	client, err := talos.DialMaintenance(t.Context(), node.serve(t, config), fingerprint(t, config))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	return client
}

func hardwareOf(t *testing.T) []resource.Resource {
	t.Helper()

	system := hardware.NewSystemInformation(hardware.SystemInformationID)
	*system.TypedSpec() = hardware.SystemInformationSpec{
		Manufacturer: "ACME\x1b[31m Corp ", ProductName: "Rack 1", SerialNumber: " SN-1 ", UUID: "4C4C4544-0001",
	}

	version := runtime.NewVersion()
	version.TypedSpec().Version = "v1.13.9"

	security := runtime.NewSecurityStateSpec(runtime.NamespaceName)
	*security.TypedSpec() = runtime.SecurityStateSpec{
		SecureBoot: true, BootedWithUKI: true, UKISigningKeyFingerprint: "ab\x1bcd", PCRSigningKeyFingerprint: "ef",
		SELinuxState: runtime.SELinuxStatePermissive, ModuleSignatureEnforced: true,
	}

	socket := hardware.NewProcessorInfo("CPU-0")
	*socket.TypedSpec() = hardware.ProcessorSpec{ProductName: "Xeon\t6 ", CoreCount: 16, ThreadCount: 32}

	module := func(id string, mib uint32) resource.Resource {
		item := hardware.NewMemoryModuleInfo(id)
		item.TypedSpec().Size = mib

		return item
	}

	disk := block.NewDisk(block.NamespaceName, "sda")
	*disk.TypedSpec() = block.DiskSpec{
		DevPath: "/dev/sda", Size: 240e9, Model: "M", Serial: "S", WWID: "naa.1", BusPath: "/pci", Transport: "sata", Rotational: true,
	}

	cdrom := block.NewDisk(block.NamespaceName, "sr0")
	*cdrom.TypedSpec() = block.DiskSpec{DevPath: "/dev/sr0", Readonly: true, CDROM: true}

	link := func(name string, spec network.LinkStatusSpec) resource.Resource {
		item := network.NewLinkStatus(network.NamespaceName, name)
		*item.TypedSpec() = spec

		return item
	}
	mac := func(last byte) nethelpers.HardwareAddr { return nethelpers.HardwareAddr{0x52, 0x54, 0, 0x77, 0, last} }

	return []resource.Resource{
		system, version, security, cdrom, disk, socket, hardware.NewProcessorInfo("CPU-1"),
		module("DIMM-0", 16<<10), module("DIMM-1", 16<<10), module("DIMM-2", 0),
		link("eno2", network.LinkStatusSpec{Type: nethelpers.LinkEther, HardwareAddr: mac(2), SpeedMegabits: -1}),
		link("eno1", network.LinkStatusSpec{Type: nethelpers.LinkEther, HardwareAddr: mac(9), PermanentAddr: mac(1), LinkState: true, SpeedMegabits: 25_000}),
		link("bond0", network.LinkStatusSpec{Type: nethelpers.LinkEther, Kind: "bond", HardwareAddr: mac(9)}),
		link("lo", network.LinkStatusSpec{Type: nethelpers.LinkLoopbck, HardwareAddr: mac(0)}),
	}
}

func TestInventoryReadsHardware(t *testing.T) {
	client := dialFake(t, &fakeNode{resources: hardwareOf(t)})

	got, err := client.Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Inventory{
		UUID: "4c4c4544-0001", Serial: "SN-1", Manufacturer: "ACME\uFFFD[31m Corp", Product: "Rack 1",
		Processors: []talos.Processor{{Model: "Xeon 6", Cores: 16, Threads: 32}}, Memory: 32 << 30,
		Links: []talos.Link{
			{Name: "eno1", MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}, Up: true, Speed: 25_000},
			{Name: "eno2", MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 2}},
		},
		Disks: []talos.Disk{
			{DevPath: "/dev/sda", Size: 240e9, Model: "M", Serial: "S", WWID: "naa.1", BusPath: "/pci", Transport: "sata", Rotational: true},
			{DevPath: "/dev/sr0", Readonly: true, CDROM: true},
		},
		TalosVersion: "v1.13.9",
		Security: &talos.Security{
			SecureBoot: true, BootedWithUKI: true, UKISigningKey: "ab\uFFFDcd", PCRSigningKey: "ef",
			SELinux: "enabled, permissive", FIPS: "disabled", ModuleSignatureEnforced: true,
		},
	}, got)
}

func TestInventoryDoesWithoutWhatANodeWithholds(t *testing.T) {
	client := dialFake(t, &fakeNode{resources: hardwareOf(t)[1:], denied: map[resource.Type]codes.Code{
		network.LinkStatusType: codes.PermissionDenied,
		block.DiskType:         codes.Unimplemented,

		runtime.SecurityStateType: codes.NotFound,
	}})

	got, err := client.Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Inventory{
		TalosVersion: "v1.13.9", Processors: []talos.Processor{{Model: "Xeon 6", Cores: 16, Threads: 32}}, Memory: 32 << 30,
		Withheld: []string{
			hardware.SystemInformationType, network.LinkStatusType, block.DiskType, runtime.SecurityStateType,
		},
	}, got)
}

func TestInventoryFailsWhenTheNodeFails(t *testing.T) {
	client := dialFake(t, &fakeNode{denied: map[resource.Type]codes.Code{block.DiskType: codes.Internal}})

	_, err := client.Inventory(t.Context())

	var call *talos.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, codes.Internal, call.Code)
	require.ErrorContains(t, err, "read "+block.DiskType+" on "+client.Addr().String()+": not for you")
}

func TestANodeCannotFillOurMemory(t *testing.T) {
	var disks []resource.Resource

	for i := range 40 {
		disk := block.NewDisk(block.NamespaceName, string(rune('a'+i)))
		disk.TypedSpec().Model = strings.Repeat("x", 1<<20)
		disks = append(disks, disk)
	}

	_, err := dialFake(t, &fakeNode{resources: disks}).Inventory(t.Context())
	require.ErrorContains(t, err, "more than can be right")
}

func TestMaintenanceClientsSpeakToThePinnedMachineOnly(t *testing.T) {
	config := maintenanceTLS(t)
	addr := (&fakeNode{resources: hardwareOf(t)}).serve(t, config)

	for _, wrong := range []string{"", "zz", "AAAA*"} {
		_, err := talos.DialMaintenance(t.Context(), addr, wrong)
		require.ErrorContains(t, err, "not a fingerprint")
	}

	other, err := talos.DialMaintenance(t.Context(), addr, fingerprint(t, maintenanceTLS(t)))
	require.NoError(t, err)

	_, err = other.Inventory(t.Context())
	require.ErrorIs(t, err, talos.ErrUnavailable)
	require.ErrorContains(t, err, "fingerprint")
	require.NoError(t, other.Close())
}

func TestClusterClientsSpeakToOurNodesOnly(t *testing.T) {
	secrets := testSecrets(t)
	creds := testCredentials(t, secrets)
	node := &fakeNode{resources: hardwareOf(t)}

	ours, err := talos.Dial(t.Context(), node.serve(t, clusterTLS(t, secrets)), creds)
	require.NoError(t, err)

	got, err := ours.Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, "v1.13.9", got.TalosVersion)
	require.NoError(t, ours.Close())

	foreign, err := talos.Dial(t.Context(), node.serve(t, foreignTLS(t)), creds)
	require.NoError(t, err)

	_, err = foreign.Inventory(t.Context())
	require.ErrorIs(t, err, talos.ErrUnavailable)
	require.ErrorContains(t, err, "x509")
	require.NoError(t, foreign.Close())

	_, err = talos.Dial(t.Context(), netip.MustParseAddrPort("127.0.0.1:1"), nil)
	require.ErrorContains(t, err, "no credentials")
}

func TestCallsEndWithTheirContext(t *testing.T) {
	release := make(chan struct{})
	addr := listen(t, func(net.Conn) { <-release })

	defer close(release)

	client, err := talos.DialMaintenance(t.Context(), addr, fingerprint(t, maintenanceTLS(t)))
	require.NoError(t, err)

	defer client.Close()

	timed, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	_, err = client.Status(timed)
	require.ErrorIs(t, err, talos.ErrUnavailable)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	_, err = client.Status(cancelled)
	require.ErrorIs(t, err, context.Canceled)
}

func TestStatusSaysWhatTheNodeWaitsFor(t *testing.T) {
	machine := runtime.NewMachineStatus()
	*machine.TypedSpec() = runtime.MachineStatusSpec{
		Stage: runtime.MachineStageBooting,
		Status: runtime.MachineStatusStatus{
			UnmetConditions: []runtime.UnmetCondition{{Name: "services", Reason: "etcd not healthy"}},
		},
	}

	got, err := dialFake(t, &fakeNode{resources: []resource.Resource{machine}}).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Status{
		Stage: talos.StageBooting, Unmet: []talos.Condition{{Name: "services", Reason: "etcd not healthy"}},
	}, got)

	got, err = dialFake(t, &fakeNode{}).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Status{Stage: talos.StageUnknown}, got)
}
