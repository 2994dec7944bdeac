// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/dustin/go-humanize"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
)

// Contents is what a node recognised on a disk. What it has no name for, such as data without any signature, is not seen.
type Contents struct {
	// Format is what the disk as a whole holds: gpt, mbr, or the name of a filesystem, RAID or LVM member. Empty: nothing
	// was recognised.
	Format     string
	Label      string      // of the filesystem
	Partitions []Partition // in their order on the disk
}

// Partition is one partition of a disk.
type Partition struct {
	Index           uint   // from 1
	Label           string // in the partition table
	Size            uint64 // bytes
	Format          string // name of the filesystem or container; empty: nothing was recognised
	FilesystemLabel string
}

// gpt is blkid's name of a GUID partition table.
const gpt = "gpt"

// Blank says that nothing would be lost, by the rule of Talos's installer: nothing recognised, or a table without
// partitions.
func (c Contents) Blank() bool {
	return len(c.Partitions) == 0 && (c.Format == "" || c.Format == gpt)
}

// HasTalos says that Talos was installed on the disk, wholly or in part.
func (c Contents) HasTalos() bool {
	return slices.ContainsFunc(c.Partitions, func(p Partition) bool {
		return slices.Contains([]string{
			constants.MetaPartitionLabel, constants.StatePartitionLabel, constants.EphemeralPartitionLabel,
		}, p.Label)
	})
}

// OnlyTalos says that there is nothing but partitions that Talos makes on its system disk.
func (c Contents) OnlyTalos() bool {
	return c.HasTalos() && !slices.ContainsFunc(c.Partitions, func(p Partition) bool {
		return !slices.Contains([]string{
			constants.EFIPartitionLabel, constants.BIOSGrubPartitionLabel, constants.BootPartitionLabel,
			constants.MetaPartitionLabel, constants.StatePartitionLabel, constants.EphemeralPartitionLabel,
			constants.ImageCachePartitionLabel,
		}, p.Label)
	})
}

// List names what would be lost, one entry a line: "partition 1 EFI (vfat, 105 MB)".
func (c Contents) List() []string {
	var list []string

	if c.Format != "" && c.Format != gpt || len(c.Partitions) == 0 && c.Format != "" {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s", c.Format, quoted(c.Label))))
	}

	for _, p := range c.Partitions {
		text := fmt.Sprintf("partition %d", p.Index)
		if p.Label != "" {
			text += " " + p.Label
		}

		format := cmp.Or(p.Format, "no known filesystem")
		if p.FilesystemLabel != "" {
			format += " " + quoted(p.FilesystemLabel)
		}

		list = append(list, fmt.Sprintf("%s (%s, %s)", text, format, humanize.Bytes(p.Size)))
	}

	return list
}

func quoted(label string) string {
	if label == "" {
		return ""
	}

	return fmt.Sprintf("%q", label)
}

// readContents fills in what is on the disks that have been read. A disk that the node has not looked into keeps nil.
func readContents(ctx context.Context, from state.State, into *Inventory) error {
	volumes, err := safe.StateListAll[*block.DiscoveredVolume](ctx, from)
	if err != nil {
		return err
	}

	byPath := map[string]*Disk{}
	for i := range into.Disks {
		byPath[into.Disks[i].DevPath] = &into.Disks[i]
	}

	partitions := map[string][]Partition{}

	for volume := range volumes.All() {
		spec := volume.TypedSpec()

		if parent := field(spec.ParentDevPath); parent != "" {
			partitions[parent] = append(partitions[parent], Partition{
				Index: spec.PartitionIndex, Label: field(spec.PartitionLabel), Size: spec.Size, Format: field(spec.Name),
				FilesystemLabel: field(spec.Label),
			})

			continue
		}

		if disk := byPath[field(spec.DevPath)]; disk != nil {
			disk.Contents = &Contents{Format: field(spec.Name), Label: field(spec.Label)}
		}
	}

	for path, list := range partitions {
		if disk := byPath[path]; disk != nil && disk.Contents != nil {
			slices.SortFunc(list, func(a, b Partition) int { return cmp.Compare(a.Index, b.Index) })
			disk.Contents.Partitions = list
		}
	}

	return nil
}
