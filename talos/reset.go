// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
)

// Reset is what to wipe from a node, and how politely. The node reboots after it.
type Reset struct {
	// Graceful drains the node and makes it leave etcd first. Where that fails nothing is wiped, and only the node's log
	// says so. The last member of an etcd can't leave it.
	Graceful bool
	// KeepConfig wipes EPHEMERAL only: etcd's data, images and what pods keep on the system disk. The node comes back with
	// its machine config. Without it STATE is wiped too, and the node comes back in maintenance mode.
	KeepConfig bool
	// UserDisks are paths of disks that are wiped too, as [Client.UserDisks] gives them. They are never the system disk.
	UserDisks []string
}

// Reset asks the node to wipe itself. It answers before anything is wiped, so success means only that it was asked.
func (c *Client) Reset(ctx context.Context, what Reset) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	labels := []string{constants.EphemeralPartitionLabel}
	if !what.KeepConfig {
		labels = append(labels, constants.StatePartitionLabel)
	}

	request := &machine.ResetRequest{
		Graceful: what.Graceful, Reboot: true, UserDisksToWipe: what.UserDisks, Mode: machine.ResetRequest_ALL,
	}
	for _, label := range labels {
		request.SystemPartitionsToWipe = append(request.SystemPartitionsToWipe, &machine.ResetPartitionSpec{Label: label, Wipe: true})
	}

	if err := c.api.ResetGeneric(ctx, request); err != nil {
		return c.fail(ctx, "reset", err, nil)
	}

	return nil
}

// UserDisks are the node's disks that a reset may wipe beside the system's: those that can be written to and hold no part
// of the system. It fails where the node does not tell which disk is the system's.
func (c *Client) UserDisks(ctx context.Context) ([]Disk, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	system, err := block.GetSystemDisk(ctx, c.api.COSI)
	if err != nil {
		return nil, c.fail(ctx, "look for the system disk", err, nil)
	}

	if system == nil {
		return nil, fmt.Errorf("look for the system disk on %s: it has none", c.addr)
	}

	var all Inventory
	if err := readDisks(ctx, c.api.COSI, &all); err != nil {
		return nil, c.fail(ctx, "read disks", err, nil)
	}

	var found []Disk

	for _, disk := range all.Disks {
		// What has no transport is no disk but a device of the kernel's: loop, zram, dm.
		if disk.Transport != "" && !disk.Readonly && !disk.CDROM && disk.DevPath != system.DevPath {
			found = append(found, disk)
		}
	}

	return found, nil
}
