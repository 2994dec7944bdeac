// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

func readSystem(ctx context.Context, from state.State, into *Inventory) error {
	system, err := safe.StateGetByID[*hardware.SystemInformation](ctx, from, hardware.SystemInformationID)
	if err != nil {
		return err
	}

	spec := system.TypedSpec()
	into.UUID = strings.ToLower(field(spec.UUID))
	into.Serial = field(spec.SerialNumber)
	into.Manufacturer = field(spec.Manufacturer)
	into.Product = field(spec.ProductName)

	return nil
}

func readProcessors(ctx context.Context, from state.State, into *Inventory) error {
	processors, err := safe.StateListAll[*hardware.Processor](ctx, from)
	if err != nil {
		return err
	}

	for processor := range processors.All() {
		spec := processor.TypedSpec()
		if spec.CoreCount == 0 && spec.ThreadCount == 0 && spec.ProductName == "" {
			continue // an empty socket
		}

		into.Processors = append(into.Processors, Processor{
			Model: field(spec.ProductName), Cores: int(spec.CoreCount), Threads: int(spec.ThreadCount),
		})
	}

	return nil
}

func readMemory(ctx context.Context, from state.State, into *Inventory) error {
	modules, err := safe.StateListAll[*hardware.MemoryModule](ctx, from)
	if err != nil {
		return err
	}

	for module := range modules.All() {
		into.Memory += uint64(module.TypedSpec().Size) << 20
	}

	return nil
}

// readPlatform takes a missing resource for what it means: Talos has not found out where it runs, which it does at once in a
// container.
func readPlatform(ctx context.Context, from state.State, into *Inventory) error {
	platform, err := safe.StateGetByID[*runtime.PlatformMetadata](ctx, from, runtime.PlatformMetadataID)
	if state.IsNotFoundError(err) {
		return nil
	}

	if err != nil {
		return err
	}

	into.Container = platform.TypedSpec().Platform == "container"

	return nil
}

func readLinks(ctx context.Context, from state.State, into *Inventory) error {
	links, err := safe.StateListAll[*network.LinkStatus](ctx, from)
	if err != nil {
		return err
	}

	for status := range links.All() {
		spec := status.TypedSpec()

		mac := net.HardwareAddr(spec.PermanentAddr)
		if len(mac) == 0 {
			mac = net.HardwareAddr(spec.HardwareAddr)
		}

		isCard := spec.Physical() || into.Container && spec.Kind == "veth"
		if isCard && len(mac) == 6 {
			into.Links = append(into.Links, Link{
				Name: field(status.Metadata().ID()), MAC: mac, Up: spec.LinkState,
				Speed: max(0, spec.SpeedMegabits), // -1 without a carrier, as ethtool has it
			})
		}
	}

	slices.SortFunc(into.Links, func(a, b Link) int { return cmp.Compare(a.Name, b.Name) })

	return nil
}

func readDisks(ctx context.Context, from state.State, into *Inventory) error {
	disks, err := safe.StateListAll[*block.Disk](ctx, from)
	if err != nil {
		return err
	}

	for disk := range disks.All() {
		spec := disk.TypedSpec()
		into.Disks = append(into.Disks, Disk{
			DevPath: field(spec.DevPath), Size: spec.Size, Model: field(spec.Model), Serial: field(spec.Serial),
			WWID: field(spec.WWID), BusPath: field(spec.BusPath), Transport: field(spec.Transport),
			Rotational: spec.Rotational, Readonly: spec.Readonly, CDROM: spec.CDROM,
		})
	}

	slices.SortFunc(into.Disks, func(a, b Disk) int { return cmp.Compare(a.DevPath, b.DevPath) })

	return nil
}

// readSystemDisk takes a missing resource for what it means: no disk has Talos on it.
func readSystemDisk(ctx context.Context, from state.State, into *Inventory) error {
	disk, err := safe.StateGetByID[*block.SystemDisk](ctx, from, block.SystemDiskID)
	if state.IsNotFoundError(err) {
		return nil
	}

	if err != nil {
		return err
	}

	into.SystemDisk = field(disk.TypedSpec().DevPath)

	return nil
}

// readInstalled asks what Talos itself asks before it installs (MachineState.Installed).
func readInstalled(ctx context.Context, from state.State, into *Inventory) error {
	meta, err := safe.StateGetByID[*block.VolumeStatus](ctx, from, constants.MetaPartitionLabel)
	if state.IsNotFoundError(err) {
		return nil
	}

	if err != nil {
		return err
	}

	into.Installed = meta.TypedSpec().Phase == block.VolumePhaseReady

	return nil
}

func readVersion(ctx context.Context, from state.State, into *Inventory) error {
	version, err := safe.StateGetByID[*runtime.Version](ctx, from, runtime.NewVersion().Metadata().ID())
	if err != nil {
		return err
	}

	into.TalosVersion = field(version.TypedSpec().Version)

	return nil
}
