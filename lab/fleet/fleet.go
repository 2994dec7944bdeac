// SPDX-License-Identifier: Apache-2.0

// Package fleet is a rack of simulated machines for the lab: each is a firmware that boots from real DHCP, TFTP and HTTP
// servers (package rom), disks that survive, and a Talos that answers over the real API (package talosim), on a simulated
// network (package lan). It is a player, not a judge: it does what it is told, goes wrong when ordered to, and keeps a
// list of what happened.
//
// It refuses to know the product: nothing here imports it, and a machine learns only what comes over its wire.
//
// Still missing: management controllers that speak IPMI, more than one network card, rescue by netboot with a wipe
// argument, and state that survives the end of the process.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// Names of other packages' types that a fleet is configured with.
type (
	// Clock shortens all of the machines' own durations.
	Clock = clock.Clock
	// Disk is one block device of a machine.
	Disk = talosim.Disk
	// Contents is what is on a disk.
	Contents = talosim.Contents
	// Partition is a part of it.
	Partition = talosim.Partition
	// KubernetesLink leads to the cluster in which the nodes appear.
	KubernetesLink = talosim.Kubernetes
	// KubernetesNode is what a simulated kubelet says of itself.
	KubernetesNode = talosim.KubernetesNode
	// Firmware is a kind of firmware.
	Firmware = rom.Firmware
	// Dialect is a way of naming the boot file that a machine insists on.
	Dialect = rom.Dialect
	// Generation is an age of iPXE.
	Generation = rom.Generation
)

// The kinds of firmware.
const (
	BIOS          = rom.BIOS
	UEFI          = rom.UEFI
	UEFIHTTP      = rom.UEFIHTTP
	UEFIArm64     = rom.UEFIArm64
	UEFIArm64HTTP = rom.UEFIArm64HTTP
	IPXEROM       = rom.IPXEROM
	IPXEROMCut    = rom.IPXEROMCut
)

// Network is what the machines are plugged into.
type Network interface {
	Attach(ctx context.Context, name string, mac net.HardwareAddr) (lan.Port, error)
	// NodeAddress gives the address under which a node is entered in Kubernetes.
	NodeAddress(own netip.Addr) netip.Addr
}

// MachineSpec is one machine. Its name is for logs and orders: the machine does not know it.
type MachineSpec struct {
	Name     string
	MAC      net.HardwareAddr
	UUID     string // as SMBIOS tools print it; empty: all zero, as some boards have it
	Serial   string
	Firmware Firmware // empty: BIOS
	Disks    []Disk   // nil: one blank disk /dev/vda of 100 GiB with the serial DISK-<Serial>
	// Accepts makes a stubborn machine that understands ProxyDHCP offers of one dialect only. Empty: as its firmware is.
	Accepts Dialect
	// IPXE is the age of the iPXE that the machine is given, or that is in its ROM. Zero: Debian 12's, of 2019.
	IPXE Generation
	// DiskFirst boots from an installed disk before the network.
	DiskFirst bool
}

// Config describes a fleet.
type Config struct {
	Machines []MachineSpec
	Network  Network
	Clock    Clock
	Timing   Timing
	// Kubernetes may be nil: then no node appears anywhere.
	Kubernetes KubernetesLink
	// TalosVersion is what a netbooted machine says it is, since its kernel is random bytes. Empty: v1.13.9.
	TalosVersion string
	Log          *slog.Logger // nil: nothing is logged
}

// Fleet is a set of machines. All methods may be called concurrently.
type Fleet struct {
	cfg      Config
	machines []*machine
	peers    *talosim.Peers
	events   *eventList
}

// New assembles a fleet whose machines are all off. It touches no network.
func New(cfg Config) (*Fleet, error) {
	if cfg.Network == nil {
		return nil, errors.New("fleet without a network")
	}

	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}

	if cfg.TalosVersion == "" {
		cfg.TalosVersion = "v1.13.9"
	}

	cfg.Timing = cfg.Timing.withDefaults()
	f := &Fleet{cfg: cfg, peers: &talosim.Peers{}, events: newEventList()}

	for _, spec := range cfg.Machines {
		if err := f.add(spec); err != nil {
			return nil, fmt.Errorf("machine %q: %w", spec.Name, err)
		}
	}

	return f, nil
}

func (f *Fleet) add(spec MachineSpec) error {
	if spec.Firmware == "" {
		spec.Firmware = BIOS
	}

	if spec.UUID == "" {
		spec.UUID = uuid.Nil.String()
	}

	if spec.Disks == nil {
		spec.Disks = []Disk{{
			Path: "/dev/vda", Size: 100 << 30, Model: "SIMULATED", Serial: "DISK-" + spec.Serial, Transport: "virtio",
		}}
	}

	id, err := uuid.Parse(spec.UUID)

	switch {
	case spec.Name == "":
		return errors.New("no name")
	case len(spec.MAC) != 6:
		return fmt.Errorf("hardware address %q: not six bytes", spec.MAC)
	case err != nil:
		return fmt.Errorf("UUID %q: %w", spec.UUID, err)
	case !spec.Firmware.Known():
		return fmt.Errorf("firmware %q: not one of %q", spec.Firmware, rom.Firmwares())
	case !spec.Accepts.Known():
		return fmt.Errorf("dialect %q: not known", spec.Accepts)
	case slices.ContainsFunc(f.machines, func(m *machine) bool { return m.spec.Name == spec.Name }):
		return errors.New("two machines have this name")
	}

	f.machines = append(f.machines, newMachine(f, spec, smbios(id)))

	return nil
}

// smbios turns a UUID into the bytes of SMBIOS and DHCP option 97, where the first three fields are little-endian.
func smbios(id uuid.UUID) [16]byte {
	slices.Reverse(id[0:4])
	slices.Reverse(id[4:6])
	slices.Reverse(id[6:8])

	return id
}

// Run plugs all machines in and plays them until the context ends; then it returns nil, when nothing of them runs any
// more. Machines that were switched on before start now. It may be called once.
func (f *Fleet) Run(ctx context.Context) error {
	for _, m := range f.machines {
		port, err := f.cfg.Network.Attach(ctx, m.spec.Name, m.spec.MAC)
		if err != nil {
			return errors.Join(fmt.Errorf("plug in machine %q: %w", m.spec.Name, err), f.unplug())
		}

		m.port = port
	}

	var running sync.WaitGroup
	for _, m := range f.machines {
		running.Go(func() { m.live(ctx) })
	}

	running.Wait()

	return f.unplug()
}

func (f *Fleet) unplug() error {
	var errs []error

	for _, m := range f.machines {
		if m.port != nil {
			errs = append(errs, m.port.Close())
		}
	}

	return errors.Join(errs...)
}

// find returns the named machines, or all when no name is given.
func (f *Fleet) find(names ...string) ([]*machine, error) {
	if len(names) == 0 {
		return f.machines, nil
	}

	var found []*machine

	for _, name := range names {
		i := slices.IndexFunc(f.machines, func(m *machine) bool { return m.spec.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no machine is called %q", name)
		}

		found = append(found, f.machines[i])
	}

	return found, nil
}
