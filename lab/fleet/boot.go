// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// errNothingToBoot is what a firmware shows when it has tried all devices.
var errNothingToBoot = errors.New("no bootable device")

// boot is one way from the reset vector to the end of an operating system.
func (m *machine) boot(ctx context.Context) (talosim.Outcome, error) {
	if err := m.fleet.cfg.Clock.Wait(ctx, m.fleet.cfg.Timing.POST); err != nil {
		return "", err
	}

	if netboot := m.takeNetboot(); m.spec.DiskFirst && m.disks.Installed() && !netboot {
		m.record("from-disk", nil)

		return m.system(ctx)
	}

	if m.current() != Netboot {
		m.enter(ctx, Netboot)
	}

	found, err := m.netboot(ctx)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}

	if err != nil && m.disks.Installed() {
		m.fail(err) // the next device in the boot order is the disk
	}

	if err != nil || found.FromDisk {
		if !m.disks.Installed() {
			return "", errors.Join(errNothingToBoot, err)
		}

		m.record("from-disk", nil)

		return m.system(ctx)
	}

	if found.UKI != (rom.Image{}) {
		m.record("uki", map[string]string{"sha256": found.UKI.SHA256, "url": found.UKI.URL})

		return m.system(ctx) // its initramfs and arguments are inside
	}

	m.record("kernel", map[string]string{"sha256": found.Kernel.SHA256, "args": strings.Join(found.Args, " ")})

	if err := checkKernel(found); err != nil {
		return "", err
	}

	return m.system(ctx)
}

func (m *machine) netboot(ctx context.Context) (rom.Result, error) {
	r := &rom.ROM{
		Machine: rom.Machine{UUID: m.smbios, Serial: m.spec.Serial, Firmware: m.spec.Firmware},
		Port:    m.port,
		Clock:   m.fleet.cfg.Clock,
		Accepts: m.spec.Accepts,
		IPXE:    m.spec.IPXE,
		Report:  m.record,
		Drop:    m.orders.drop,
	}

	return r.Netboot(ctx)
}

// checkKernel holds what a kernel was started with against what Talos needs, and against the rule that netboot carries
// no secret: a machine config never comes over HTTP.
func checkKernel(found rom.Result) error {
	if len(found.Initrds) != 1 {
		return fmt.Errorf("kernel panic: %d initramfs were loaded, Talos has one", len(found.Initrds))
	}

	if !slices.Contains(found.Args, "talos.platform=metal") {
		return fmt.Errorf("kernel arguments %q: no talos.platform=metal", found.Args)
	}

	for _, arg := range found.Args {
		if strings.HasPrefix(arg, "talos.config") {
			return fmt.Errorf("kernel argument %q: a machine config must not come over the netboot network", arg)
		}
	}

	return nil
}

// system runs Talos. Whether it was started from the network or from the disk makes no difference once there is a config
// on the disk: Talos uses that.
func (m *machine) system(ctx context.Context) (talosim.Outcome, error) {
	cfg := m.fleet.cfg

	return talosim.Boot(ctx, talosim.Config{
		Hardware: talosim.Hardware{
			MAC: m.spec.MAC, UUID: m.spec.UUID, Serial: m.spec.Serial, Disks: m.spec.Disks,
			Manufacturer: "cozy-install lab", Product: "simulated machine",
		},
		Disks: m.disks,
		Wire:  &wire{Port: m.port, clock: cfg.Clock, drop: m.orders.drop},
		Peers: m.fleet.peers, Kubernetes: cfg.Kubernetes, NodeAddress: cfg.Network.NodeAddress,
		Version: m.orders.startsWith(cfg.TalosVersion), Clock: cfg.Clock, Timing: cfg.Timing.OS, Faults: m.orders, Ailing: m.orders.ailments,
		DiskMissing: m.orders.hides, InstallTorn: m.orders.tearsInstall,
		OnStage: func(stage talosim.Stage) {
			if state, ok := ofStage(stage); ok {
				m.enter(ctx, state)
			}
		},
		Report: m.record,
		Log:    cfg.Log,
	})
}
