// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"path"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"google.golang.org/grpc/codes"
)

// wipeTimeout bounds the erasure of what names a disk's contents: some megabytes of it, not all.
const wipeTimeout = 2 * time.Minute

// WipeDisk erases what a node in maintenance mode finds its way by on one of its disks: partition table and signatures.
// The data is lost with them. Talos found its own META partition when it started, so a disk with an installation stays
// [Inventory.Installed] until the node restarts: without that it does not install again.
//
// Talos 1.11 to 1.13 let anybody do this in maintenance mode. Volumes count as in use there although nothing uses them
// (META), so their check is skipped; that of RAID and LVM members is not.
func (c *Client) WipeDisk(ctx context.Context, disk Disk) error {
	ctx, cancel := context.WithTimeout(ctx, wipeTimeout)
	defer cancel()

	err := c.api.BlockDeviceWipe(ctx, &storage.BlockDeviceWipeRequest{Devices: []*storage.BlockDeviceWipeDescriptor{{
		Device: path.Base(disk.DevPath), Method: storage.BlockDeviceWipeDescriptor_FAST, SkipVolumeCheck: true,
	}}})
	if err != nil {
		return c.fail(ctx, "wipe "+disk.DevPath, err, map[codes.Code]error{codes.FailedPrecondition: ErrDiskInUse})
	}

	return nil
}

// SystemDisk reads a node's disks, without their contents, and the device path of the one that it runs from: empty if it
// does not say. A container has no disks.
func (c *Client) SystemDisk(ctx context.Context) (disks []Disk, system string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	var found Inventory

	err = readDisks(ctx, c.api.COSI, &found)
	if err == nil {
		err = readSystemDisk(ctx, c.api.COSI, &found)
	}

	if err != nil && !withheld(err) {
		return nil, "", c.fail(ctx, "read the system disk", err, nil)
	}

	return found.Disks, found.SystemDisk, nil
}
