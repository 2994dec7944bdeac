// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"net"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc/codes"
)

// Inventory is a node's hardware and how it was started, as the node tells it. Texts are free of control characters; nothing else about them
// is certain: serials and UUIDs of cheap boards repeat.
type Inventory struct {
	UUID         string // lower case
	Serial       string
	Manufacturer string
	Product      string
	Processors   []Processor // one a socket, by socket
	Memory       uint64      // bytes, of all modules
	Links        []Link      // physical Ethernet only, by name; of a container its veth pairs
	Disks        []Disk      // by device path
	// Container: Talos runs as a container, as in test clusters. It has no disks of its own, and is never installed.
	Container bool
	// SystemDisk is the device path of the disk with Talos's META partition. Empty: no disk has one.
	SystemDisk string
	// Installed: Talos found a META partition when it started. Given a config, it does not install again in this boot,
	// also when the partition has been erased since (VolumeStatus META stays ready).
	Installed    bool
	TalosVersion string    // of the running system: v1.13.9
	Security     *Security // nil when withheld
	// Withheld names the resource types that the node did not have or did not let us read; their fields are zero.
	Withheld []string
}

// Processor is what is in one socket.
type Processor struct {
	Model   string
	Cores   int // 0: not told
	Threads int // 0: not told
}

// Link is a physical network link.
type Link struct {
	Name string
	// MAC is the permanent address, or the current one where the driver knows no other.
	MAC   net.HardwareAddr
	Up    bool // has a carrier
	Speed int  // megabits a second; 0: unknown, as without a carrier
}

// Inventory reads the node's hardware. It works in maintenance mode of Talos 1.11 to 1.13 and after: none of these
// resources is sensitive in any of them (access.go of Talos's internal/app/resources). What the node has not, or does
// not let us read, is left out and named in Withheld.
func (c *Client) Inventory(ctx context.Context) (Inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	var found Inventory

	for _, read := range []struct {
		kind resource.Type
		from func(context.Context, state.State, *Inventory) error
	}{
		{hardware.SystemInformationType, readSystem},
		{hardware.ProcessorType, readProcessors},
		{hardware.MemoryModuleType, readMemory},
		{runtime.PlatformMetadataType, readPlatform},
		{network.LinkStatusType, readLinks}, // after the platform
		{block.DiskType, readDisks},
		{block.DiscoveredVolumeType, readContents}, // after the disks
		{block.SystemDiskType, readSystemDisk},
		{block.VolumeStatusType, readInstalled},
		{runtime.VersionType, readVersion},
		{runtime.SecurityStateType, readSecurity},
	} {
		switch err := read.from(ctx, c.api.COSI, &found); {
		case err == nil:
		case withheld(err):
			found.Withheld = append(found.Withheld, read.kind)
		default:
			return Inventory{}, c.fail(ctx, "read "+read.kind, err, nil)
		}
	}

	return found, nil
}

// withheld is true for the answers of a node that has not, or does not show, a resource.
func withheld(err error) bool {
	switch client.StatusCode(err) { //nolint:exhaustive // all others are failures
	case codes.PermissionDenied, codes.NotFound, codes.Unimplemented:
		return true
	default:
		return state.IsNotFoundError(err)
	}
}

// field makes one fact of a node fit for tables and comparisons: one line, no blanks around it, bounded.
func field(text string) string {
	return strings.Join(strings.Fields(clean(text, 256)), " ")
}
