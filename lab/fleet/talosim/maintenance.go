// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
)

// runMaintenance waits for a machine config with everything open to read, installs it and reboots.
func (o *osRun) runMaintenance(ctx context.Context) (Outcome, error) {
	lease, err := o.Wire.Lease(ctx)
	if err != nil {
		return "", err
	}

	if err := o.Wire.Assign(lease); err != nil {
		return "", err
	}
	defer o.Wire.Release(lease) //nolint:errcheck // the port may be gone with the machine's power

	identity, err := maintenanceIdentity(lease.Addr())
	if err != nil {
		return "", err
	}

	server := o.newServer(maintenanceTLS(identity.certificate), o.maintenanceService())
	defer server.Stop() // breaks the connections, as a reboot does

	if err := errors.Join(
		o.setService(ctx, serviceAPID, stateRunning, "Health check successful"),
		o.setStage(ctx, StageMaintenance),
		o.publishUnconfigured(ctx, lease),
		o.listen(ctx, server, lease.Addr()),
	); err != nil {
		return "", err
	}

	if o.hasSmallMaintenance() {
		stop := o.measureLoad(ctx)
		defer stop()
	}

	o.logToConsole(lease.Addr(), identity.fingerprint)
	o.report("maintenance", map[string]string{
		"address": lease.Addr().String(), "fingerprint": identity.fingerprint,
	})

	select {
	case provider := <-o.applied:
		if o.hasSmallMaintenance() {
			// The answer is still given; then nobody listens until the installed system does.
			go server.GracefulStop()
		}

		if err := o.install(ctx, provider); err != nil {
			return "", err
		}

		o.finish(Reboot)
	case outcome := <-o.done:
		o.finish(outcome)
	case <-ctx.Done():
	}

	return o.shutDown(ctx)
}

// maintenanceService is the whole API, or what there was before 1.13.
func (o *osRun) maintenanceService() machine.MachineServiceServer {
	if o.hasSmallMaintenance() {
		return &smallMaintenance{osRun: o}
	}

	return &api{osRun: o}
}

// install takes the time of an installation, during which the API of 1.13 goes on answering, and ends with a bootable
// disk. Like Talos's own it does not look at what is on the disk (machined runs the installer with --force), and it does
// nothing when Talos found a META partition at its start, on whatever disk: then the config is kept there, and what is
// installed runs. The loss of power before its end leaves nothing installed.
func (o *osRun) install(ctx context.Context, provider config.Provider) error {
	if err := o.setStage(ctx, StageInstalling); err != nil {
		return err
	}

	data, err := provider.Bytes()
	if err != nil {
		return err
	}

	if o.meta != "" {
		o.report("installed-already", map[string]string{"disk": o.meta})
		o.Disks.Install(data, o.meta)

		return nil
	}

	disk, err := o.installDisk(ctx, provider)
	if err != nil {
		return err
	}

	if o.InstallTo != nil {
		disk = o.InstallTo(disk)
	}

	o.report("install", map[string]string{"disk": disk, "image": provider.Machine().Install().Image()})

	if err := o.Clock.Wait(ctx, o.Timing.Install); err != nil {
		if o.InstallTorn != nil && o.InstallTorn() {
			o.Disks.Write(disk, TornInstall())
		}

		return err
	}

	o.Disks.Install(data, disk)

	return nil
}
