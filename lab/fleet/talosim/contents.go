// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
)

// Contents is what is on a disk. The zero value is a blank one.
type Contents struct {
	Format     string // gpt, ext4 ...
	Label      string // of a filesystem on the whole disk
	Partitions []Partition
}

// Partition is one partition; the first has number 1.
type Partition struct {
	Label           string // in the table
	Size            uint64 // bytes
	Format          string // of its filesystem
	FilesystemLabel string
}

// hasMeta tells whether Talos takes the disk for its system disk.
func (c Contents) hasMeta() bool {
	return slices.ContainsFunc(c.Partitions, func(p Partition) bool { return p.Label == constants.MetaPartitionLabel })
}

// TornInstall is what an installer leaves that lost its power after it wrote the partition table.
func TornInstall() Contents {
	return Contents{Format: "gpt", Partitions: []Partition{
		{Label: constants.EFIPartitionLabel, Size: 100 << 20, Format: "vfat", FilesystemLabel: "EFI"},
		{Label: constants.BIOSGrubPartitionLabel, Size: 1 << 20},
		{Label: constants.BootPartitionLabel, Size: 1000 << 20},
		{Label: constants.MetaPartitionLabel, Size: 1 << 20},
	}}
}

// installed is a disk that Talos runs from.
func installed() Contents {
	whole := TornInstall()
	whole.Partitions[2].Format, whole.Partitions[2].FilesystemLabel = "xfs", "BOOT"
	whole.Partitions[3].Format = "talosmeta"
	whole.Partitions = append(whole.Partitions,
		Partition{Label: constants.StatePartitionLabel, Size: 100 << 20, Format: "xfs", FilesystemLabel: "STATE"},
		Partition{Label: constants.EphemeralPartitionLabel, Size: 20 << 30, Format: "xfs", FilesystemLabel: "EPHEMERAL"},
	)

	return whole
}

// publishContents fills the resources about what is on the disks. The volume META is as Talos found it at its start.
func (o *osRun) publishContents(ctx context.Context) error {
	meta := block.NewVolumeStatus(block.NamespaceName, constants.MetaPartitionLabel)
	meta.TypedSpec().Phase = block.VolumePhaseMissing

	if o.meta = o.systemDisk(); o.meta != "" {
		meta.TypedSpec().Phase = block.VolumePhaseReady
		meta.TypedSpec().ParentLocation = o.meta
	}

	errs := []error{o.resources.Create(ctx, meta), o.publishSystemDisk(ctx)}

	for _, disk := range o.disks() {
		for _, r := range o.volumes(disk) {
			errs = append(errs, o.resources.Create(ctx, r))
		}
	}

	return errors.Join(errs...)
}

// refreshContents publishes again what is on one disk that was written to.
func (o *osRun) refreshContents(ctx context.Context, disk Disk) error {
	known, err := safe.StateListAll[*block.DiscoveredVolume](ctx, o.resources)
	if err != nil {
		return err
	}

	var errs []error

	for volume := range known.All() {
		if volume.TypedSpec().DevPath == disk.Path || volume.TypedSpec().ParentDevPath == disk.Path {
			errs = append(errs, o.resources.Destroy(ctx, volume.Metadata()))
		}
	}

	for _, r := range o.volumes(disk) {
		errs = append(errs, o.resources.Create(ctx, r))
	}

	err = o.resources.Destroy(ctx, block.NewSystemDisk(block.NamespaceName, block.SystemDiskID).Metadata())
	if !state.IsNotFoundError(err) {
		errs = append(errs, err)
	}

	return errors.Join(append(errs, o.publishSystemDisk(ctx))...)
}

func (o *osRun) publishSystemDisk(ctx context.Context) error {
	path := o.systemDisk()
	if path == "" {
		return nil
	}

	system := block.NewSystemDisk(block.NamespaceName, block.SystemDiskID)
	*system.TypedSpec() = block.SystemDiskSpec{DiskID: diskID(path), DevPath: path}

	return o.resources.Create(ctx, system)
}

// systemDisk is the first disk with a META partition, as Talos looks for it.
func (o *osRun) systemDisk() string {
	for _, disk := range o.disks() {
		if o.Disks.Contents(disk).hasMeta() {
			return disk.Path
		}
	}

	return ""
}

// disks are those that the kernel finds in this boot.
func (o *osRun) disks() []Disk {
	return slices.DeleteFunc(slices.Clone(o.Hardware.Disks), func(d Disk) bool {
		return o.DiskMissing != nil && o.DiskMissing(d.Path)
	})
}

func (o *osRun) volumes(disk Disk) []resource.Resource {
	contents := o.Disks.Contents(disk)
	whole := block.NewDiscoveredVolume(block.NamespaceName, diskID(disk.Path))
	*whole.TypedSpec() = block.DiscoveredVolumeSpec{
		DevPath: disk.Path, Type: "disk", DevicePath: "/simulated/" + diskID(disk.Path), SectorSize: 512,
		Name: contents.Format, Label: contents.Label,
	}
	whole.TypedSpec().SetSize(disk.Size)

	all := []resource.Resource{whole}

	for i, p := range contents.Partitions {
		path := partitionPath(disk.Path, i+1)
		volume := block.NewDiscoveredVolume(block.NamespaceName, diskID(path))
		*volume.TypedSpec() = block.DiscoveredVolumeSpec{
			DevPath: path, Type: "partition", DevicePath: "/simulated/" + diskID(path), SectorSize: 512,
			Parent: diskID(disk.Path), ParentDevPath: disk.Path, Name: p.Format, Label: p.FilesystemLabel,
			PartitionLabel: p.Label, PartitionIndex: uint(i + 1),
		}
		volume.TypedSpec().SetSize(p.Size)
		all = append(all, volume)
	}

	return all
}

// partitionPath is as the kernel names it:
//
//	/dev/sda, 1 -> /dev/sda1
//	/dev/nvme0n1, 1 -> /dev/nvme0n1p1
func partitionPath(disk string, number int) string {
	if unicode.IsDigit(rune(disk[len(disk)-1])) && !strings.HasPrefix(disk, "/dev/sd") {
		return fmt.Sprintf("%sp%d", disk, number)
	}

	return fmt.Sprintf("%s%d", disk, number)
}
