// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"testing"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/talos"
)

func diskAt(path string) resource.Resource {
	disk := block.NewDisk(block.NamespaceName, path[len("/dev/"):])
	*disk.TypedSpec() = block.DiskSpec{DevPath: path, Size: 100e9, Transport: "sata"}

	return disk
}

func volumeAt(path, format, label string) *block.DiscoveredVolume {
	volume := block.NewDiscoveredVolume(block.NamespaceName, path[len("/dev/"):])
	*volume.TypedSpec() = block.DiscoveredVolumeSpec{DevPath: path, Type: "disk", Name: format, Label: label, Size: 100e9}

	return volume
}

func partitionAt(disk string, index uint, label, format, name string) resource.Resource {
	volume := volumeAt(disk+string(rune('0'+index)), format, name)
	spec := volume.TypedSpec()
	spec.Type, spec.ParentDevPath, spec.PartitionIndex, spec.PartitionLabel, spec.Size = "partition", disk, index, label, 1e9

	return volume
}

func TestInventoryTellsWhatIsOnEachDisk(t *testing.T) {
	meta := block.NewVolumeStatus(block.NamespaceName, "META")
	meta.TypedSpec().Phase = block.VolumePhaseReady

	system := block.NewSystemDisk(block.NamespaceName, block.SystemDiskID)
	system.TypedSpec().DevPath = "/dev/sda"

	got, err := dialFake(t, &fakeNode{resources: []resource.Resource{
		diskAt("/dev/sda"), diskAt("/dev/sdb"), diskAt("/dev/sdc"), diskAt("/dev/sdd"), diskAt("/dev/sde"),
		volumeAt("/dev/sda", "gpt", ""),
		partitionAt("/dev/sda", 2, "META", "talosmeta", ""), partitionAt("/dev/sda", 1, "EFI", "vfat", "EFI"),
		volumeAt("/dev/sdb", "ext4", "old\x1b data"), volumeAt("/dev/sdc", "", ""), volumeAt("/dev/sdd", "gpt", ""),
		partitionAt("/dev/sdx", 1, "of no disk", "", ""), meta, system,
	}}).Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/dev/sda", got.SystemDisk)
	require.True(t, got.Installed)
	require.Len(t, got.Disks, 5)

	for i, want := range []struct {
		blank, hasTalos, onlyTalos bool
		list                       []string
	}{
		{false, true, true, []string{`partition 1 EFI (vfat "EFI", 1.0 GB)`, "partition 2 META (talosmeta, 1.0 GB)"}},
		{false, false, false, []string{"ext4 \"old\uFFFD data\""}},
		{true, false, false, nil},
		{true, false, false, []string{"gpt"}},
	} {
		contents := got.Disks[i].Contents
		require.NotNil(t, contents)
		require.Equal(t, want.blank, contents.Blank(), "disk %d", i)
		require.Equal(t, want.hasTalos, contents.HasTalos(), "disk %d", i)
		require.Equal(t, want.onlyTalos, contents.OnlyTalos(), "disk %d", i)
		require.Equal(t, want.list, contents.List(), "disk %d", i)
	}

	require.Nil(t, got.Disks[4].Contents, "nobody looked into it: it is not taken for blank")
}

func TestWhatIsOnDisksIsUnknownWhenANodeWithholdsIt(t *testing.T) {
	got, err := dialFake(t, &fakeNode{
		resources: []resource.Resource{diskAt("/dev/sda"), volumeAt("/dev/sda", "", "")},
		denied: map[resource.Type]codes.Code{
			block.DiscoveredVolumeType: codes.PermissionDenied, block.SystemDiskType: codes.PermissionDenied,
			block.VolumeStatusType: codes.PermissionDenied,
		},
	}).Inventory(t.Context())
	require.NoError(t, err)
	require.Nil(t, got.Disks[0].Contents)
	require.Subset(t, got.Withheld, []string{block.DiscoveredVolumeType, block.SystemDiskType, block.VolumeStatusType})
}

func TestOtherPeoplesPartitionsBesideTaloss(t *testing.T) {
	mixed := talos.Contents{Format: "gpt", Partitions: []talos.Partition{{Index: 1, Label: "META"}, {Index: 2, Label: "photos"}}}
	require.True(t, mixed.HasTalos())
	require.False(t, mixed.OnlyTalos())
	require.False(t, talos.Contents{Partitions: []talos.Partition{{Label: "EFI"}}}.OnlyTalos(), "everybody has an EFI partition")
	require.Equal(t, []string{"mbr", "partition 1 (no known filesystem, 1.0 kB)"},
		talos.Contents{Format: "mbr", Partitions: []talos.Partition{{Index: 1, Size: 1000}}}.List())
}

func TestTheSelectorOfADiskAmongOthersIsItsFirstNameThatIsItsOwn(t *testing.T) {
	twin := sdb
	twin.WWID = sda.WWID

	glob := sda
	glob.DevPath, glob.WWID, glob.Serial, glob.BusPath = "/dev/sdg", "naa.*", "S9", "/pci/ata9"

	nameless := talos.Disk{DevPath: "/dev/sdh", Transport: "sata"}
	all := []talos.Disk{sda, twin, glob, nvme, nameless}

	for _, test := range []struct {
		disk talos.Disk
		want talos.DiskSelector
	}{
		{nvme, talos.DiskSelector{WWID: nvme.WWID}},
		{twin, talos.DiskSelector{Serial: twin.Serial}},
		{glob, talos.DiskSelector{Serial: "S9"}},
	} {
		got, err := test.disk.SelectorAmong(all)
		require.NoError(t, err)
		require.Equal(t, test.want, got)
	}

	_, err := nameless.SelectorAmong(all)
	require.Error(t, err)
}

func TestWipeDiskErasesOneDiskAndNoRAIDMember(t *testing.T) {
	node := &fakeNode{}
	client := dialFake(t, node)
	require.NoError(t, client.WipeDisk(t.Context(), talos.Disk{DevPath: "/dev/nvme0n1"}))
	require.Len(t, node.wiped, 1)
	require.Equal(t, "nvme0n1", node.wiped[0].GetDevice())
	require.True(t, node.wiped[0].GetSkipVolumeCheck())
	require.False(t, node.wiped[0].GetSkipSecondaryCheck())
	require.Equal(t, storage.BlockDeviceWipeDescriptor_FAST, node.wiped[0].GetMethod())

	node.wipeError = status.Error(codes.FailedPrecondition, `blockdevice "sda" is in use by disk "md0"`)
	err := client.WipeDisk(t.Context(), sda)
	require.ErrorIs(t, err, talos.ErrDiskInUse)
	require.ErrorContains(t, err, "md0")
}

// storageService is the fake node's, apart because one type can't hold two sets of embedded methods.
type storageService struct {
	storage.UnimplementedStorageServiceServer

	node *fakeNode
}

func (s *storageService) BlockDeviceWipe(
	_ context.Context, request *storage.BlockDeviceWipeRequest,
) (*storage.BlockDeviceWipeResponse, error) {
	s.node.wiped = append(s.node.wiped, request.GetDevices()...)

	return &storage.BlockDeviceWipeResponse{Messages: []*storage.BlockDeviceWipe{{}}}, s.node.wipeError
}
