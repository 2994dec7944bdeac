// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
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
	Links        []Link    // physical Ethernet only, by name
	Disks        []Disk    // by device path
	TalosVersion string    // of the running system: v1.13.9
	Security     *Security // nil when withheld
	// Withheld names the resource types that the node did not have or did not let us read; their fields are zero.
	Withheld []string
}

// Link is a physical network link.
type Link struct {
	Name string
	// MAC is the permanent address, or the current one where the driver knows no other.
	MAC net.HardwareAddr
	Up  bool // has a carrier
}

// Disk is a disk of a node.
type Disk struct {
	DevPath    string // /dev/sda: changes between boots
	Size       uint64 // bytes
	Model      string
	Serial     string
	WWID       string
	BusPath    string
	Transport  string // nvme, sata, virtio ...; empty for devices that are no disks
	Rotational bool
	Readonly   bool
	CDROM      bool
}

// String is one line for a person.
func (d Disk) String() string {
	return fmt.Sprintf("%s (%d bytes, model %q, serial %q, wwid %q, %s)",
		d.DevPath, d.Size, d.Model, d.Serial, d.WWID, d.Transport)
}

// Selector chooses this disk again by the most stable of its names: the WWID, else the serial, else where it is
// plugged in. It is empty when the disk has none of them.
func (d Disk) Selector() DiskSelector {
	switch {
	case d.WWID != "":
		return DiskSelector{WWID: d.WWID}
	case d.Serial != "":
		return DiskSelector{Serial: d.Serial}
	default:
		return DiskSelector{BusPath: d.BusPath}
	}
}

// Inventory reads the node's hardware. It works in maintenance mode and after. What the node has not, or does not let
// us read, is left out and named in Withheld: which resources exist differs between Talos versions.
func (c *Client) Inventory(ctx context.Context) (Inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	var found Inventory

	for _, read := range []struct {
		kind resource.Type
		from func(context.Context, state.State, *Inventory) error
	}{
		{hardware.SystemInformationType, readSystem},
		{network.LinkStatusType, readLinks},
		{block.DiskType, readDisks},
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

		if spec.Physical() && len(mac) == 6 {
			into.Links = append(into.Links, Link{Name: field(status.Metadata().ID()), MAC: mac, Up: spec.LinkState})
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

func readVersion(ctx context.Context, from state.State, into *Inventory) error {
	version, err := safe.StateGetByID[*runtime.Version](ctx, from, runtime.NewVersion().Metadata().ID())
	if err != nil {
		return err
	}

	into.TalosVersion = field(version.TypedSpec().Version)

	return nil
}

// field makes one fact of a node fit for tables and comparisons: one line, no blanks around it, bounded.
func field(text string) string {
	return strings.Join(strings.Fields(clean(text, 256)), " ")
}
