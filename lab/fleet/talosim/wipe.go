// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// disksAPI is the storage API of one boot.
type disksAPI struct {
	storage.UnimplementedStorageServiceServer

	*osRun
}

// BlockDeviceWipe implements the storage API for whole disks. Anybody may call it in maintenance mode. The volume META
// stays as it was found when the system started: Talos looks for it once.
func (a *disksAPI) BlockDeviceWipe(
	ctx context.Context, in *storage.BlockDeviceWipeRequest,
) (*storage.BlockDeviceWipeResponse, error) {
	if a.current() != nil && !rolesOf(ctx).Includes(role.Admin) {
		return nil, errNotAuthorized
	}

	for _, wanted := range in.GetDevices() {
		i := slices.IndexFunc(a.disks(), func(d Disk) bool { return diskID(d.Path) == wanted.GetDevice() })
		if i < 0 {
			return nil, status.Errorf(codes.NotFound, "blockdevice %q not found", wanted.GetDevice())
		}

		disk := a.disks()[i]

		if disk.ReadOnly {
			return nil, status.Errorf(codes.FailedPrecondition, "blockdevice %q is read-only", wanted.GetDevice())
		}

		if disk.Path == a.systemDisk() && !wanted.GetSkipVolumeCheck() {
			return nil, status.Errorf(codes.FailedPrecondition, "blockdevice %q is in use by volume %q", wanted.GetDevice(), "META")
		}

		a.report("wipe", map[string]string{"disk": disk.Path})
		a.osRun.Disks.Write(disk.Path, Contents{})

		if err := a.refreshContents(ctx, disk); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}

	return &storage.BlockDeviceWipeResponse{Messages: []*storage.BlockDeviceWipe{{}}}, nil
}

// Disks implements the storage API.
func (a *disksAPI) Disks(context.Context, *empty) (*storage.DisksResponse, error) {
	reply := &storage.Disks{}
	for _, d := range a.disks() {
		reply.Disks = append(reply.Disks, &storage.Disk{
			DeviceName: d.Path, Size: d.Size, Model: d.Model, Serial: d.Serial, Wwid: d.WWID, SystemDisk: d.Path == a.systemDisk(),
		})
	}

	return &storage.DisksResponse{Messages: []*storage.Disks{reply}}, nil
}
