// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// Hardware is what the kernel finds.
type Hardware struct {
	MAC          net.HardwareAddr
	MoreMACs     []net.HardwareAddr // of further network cards
	UUID         string             // as SMBIOS tools print it
	Serial       string
	Manufacturer string
	Product      string
	Processors   []Processor
	Memory       uint64 // bytes, in one module
	Disks        []Disk
	// Security is how the firmware started the system. The zero value is a kernel and initramfs without any signature.
	Security runtime.SecurityStateSpec
}

// Processor is what is in one socket.
type Processor struct {
	Model          string
	Cores, Threads uint32
}

// Disk is one block device.
type Disk struct {
	Path       string // /dev/vda
	Size       uint64 // bytes
	Model      string
	Serial     string
	WWID       string
	Transport  string // virtio, nvme, sata; empty for devices that are no disks
	Rotational bool
	ReadOnly   bool
	// Holds is what is on it before anybody writes to it.
	Holds Contents
}

// publishHardware fills the resources that everybody may read, before and after there is a config.
func (o *osRun) publishHardware(ctx context.Context) error {
	system := hardware.NewSystemInformation(hardware.SystemInformationID)
	*system.TypedSpec() = hardware.SystemInformationSpec{
		Manufacturer: o.Hardware.Manufacturer, ProductName: o.Hardware.Product,
		SerialNumber: o.Hardware.Serial, UUID: o.Hardware.UUID, WakeUpType: "Power Switch",
	}

	version := runtime.NewVersion()
	*version.TypedSpec() = runtime.VersionSpec{Name: "Talos", Version: o.version()}

	security := runtime.NewSecurityStateSpec(runtime.NamespaceName)
	*security.TypedSpec() = o.Hardware.Security

	errs := []error{
		o.defineResources(ctx), o.resources.Create(ctx, system), o.resources.Create(ctx, version), o.resources.Create(ctx, security),
		o.publishContents(ctx), o.publishVitals(ctx), o.publishTimeServers(ctx, nil),
	}
	for _, link := range o.links() {
		errs = append(errs, o.resources.Create(ctx, link))
	}

	for _, disk := range o.disks() {
		errs = append(errs, o.resources.Create(ctx, diskResource(disk)))
	}

	for i, p := range o.Hardware.Processors {
		socket := hardware.NewProcessorInfo(fmt.Sprintf("CPU-%d", i))
		*socket.TypedSpec() = hardware.ProcessorSpec{
			Socket: fmt.Sprintf("CPU %d", i), ProductName: p.Model, CoreCount: p.Cores, CoreEnabled: p.Cores, ThreadCount: p.Threads,
		}
		errs = append(errs, o.resources.Create(ctx, socket))
	}

	if o.Hardware.Memory > 0 {
		module := hardware.NewMemoryModuleInfo("DIMM-0")
		*module.TypedSpec() = hardware.MemoryModuleSpec{DeviceLocator: "DIMM 0", Size: uint32(o.Hardware.Memory >> 20)}
		errs = append(errs, o.resources.Create(ctx, module))
	}

	return errors.Join(errs...)
}

// version is the installed system's, or the netbooted one's where nothing is installed.
func (o *osRun) version() string {
	if installed := o.Disks.version(); installed != "" {
		return installed
	}

	return o.Version
}

func diskResource(d Disk) *block.Disk {
	disk := block.NewDisk(block.NamespaceName, diskID(d.Path))
	*disk.TypedSpec() = block.DiskSpec{
		DevPath: d.Path, IOSize: 512, SectorSize: 512, Readonly: d.ReadOnly, Model: d.Model, Serial: d.Serial,
		WWID: d.WWID, Transport: d.Transport, Rotational: d.Rotational, SubSystem: "/sys/class/block",
		BusPath: "/simulated/" + diskID(d.Path),
	}
	disk.TypedSpec().SetSize(d.Size)

	return disk
}

func diskID(devPath string) string { return strings.TrimPrefix(path.Clean(devPath), "/dev/") }
