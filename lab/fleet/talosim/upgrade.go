// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/extensions"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// publishImage shows the schematic of an installed image of the image factory as the factory marks it: by an extension
// without content.
func (o *osRun) publishImage(ctx context.Context) error {
	image := o.Disks.systemImage()
	host, rest, _ := strings.Cut(image, "/metal-installer")

	if host == "" || rest == "" {
		return nil
	}

	_, rest, _ = strings.Cut(rest, "/") // it may be metal-installer-secureboot
	id, _, _ := strings.Cut(rest, ":")
	extension := runtime.NewExtensionStatus(runtime.NamespaceName, "0")
	*extension.TypedSpec() = extensions.Layer{
		Image: "000.0-schematic.sqsh", Metadata: extensions.Metadata{Name: "schematic", Version: id, Author: "Image Factory"},
	}

	return o.resources.Create(ctx, extension)
}

// Read implements the machine API for the one file that tells two boots apart.
func (a *api) Read(in *machine.ReadRequest, stream grpc.ServerStreamingServer[common.Data]) error {
	if in.GetPath() != bootIDFile {
		return status.Errorf(codes.Unimplemented, "the simulated system has no file %s", in.GetPath())
	}

	return stream.Send(&common.Data{Bytes: []byte(a.bootID + "\n")})
}

// Upgrade implements the machine API with the checks of Talos 1.13, in their order.
func (a *api) Upgrade(_ context.Context, in *machine.UpgradeRequest) (*machine.UpgradeResponse, error) {
	boot := a.current()
	if boot == nil {
		return nil, status.Error(codes.FailedPrecondition, "Talos is not installed")
	}

	if imageTag(in.GetImage()) == "" {
		return nil, status.Errorf(codes.Unknown, "error validating installer image %q: not found", in.GetImage())
	}

	if in.GetStage() {
		return nil, status.Error(codes.Unimplemented, "staged upgrades are not simulated")
	}

	if boot.self.controlPlane && !in.GetForce() && !in.GetPreserve() {
		if err := a.Peers.validateForUpgrade(boot.self); err != nil {
			return nil, status.Errorf(codes.Unknown, "error validating etcd for upgrade: %s", err)
		}
	}

	select {
	case a.upgrades <- in.GetImage():
		a.report("upgrade", map[string]string{"image": in.GetImage()})
	default: // the sequencer is busy with an earlier one; Talos says so in its log only
	}

	return &machine.UpgradeResponse{Messages: []*machine.Upgrade{{Ack: "Upgrade request received"}}}, nil
}

// validateForUpgrade is etcd's check before one of its members goes away for a while.
func (p *Peers) validateForUpgrade(n *node) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	cluster := p.discover(n)
	if cluster == nil {
		return errors.New("failed to create etcd client: no etcd member answers")
	}

	if len(cluster.members) == 2 {
		return errors.New("etcd member count(2) is insufficient to maintain quorum if upgrade commences")
	}

	for _, m := range cluster.members {
		if !p.runs(m) {
			return errors.New("etcd member " + m.name + " is not healthy; all members must be healthy to perform an upgrade")
		}
	}

	return nil
}

// runs tells whether a member's etcd runs. Call it with the lock held.
func (p *Peers) runs(m *member) bool {
	for _, n := range p.nodes {
		if n.etcd == m {
			return true
		}
	}

	return false
}

// runUpgrade waits for an upgrade, stops everything that it needs out of the way, installs the image and reboots. The
// services end by their own context; the upgrade goes on without them.
func (c *configured) runUpgrade(ctx, services context.Context, stopServices func()) error {
	var image string

	select {
	case image = <-c.upgrades:
	case <-services.Done():
		return context.Cause(services)
	}

	if err := c.setStage(ctx, StageUpgrading); err != nil {
		return err
	}

	stopServices()
	c.Peers.update(func() {
		c.self.etcd, c.self.kubernetes = nil, false
		c.Peers.release(c.self)
	})

	ids := []string{serviceKubelet}
	if c.self.controlPlane {
		ids = append(ids, serviceEtcd)
	}

	var errs []error
	for _, id := range ids {
		errs = append(errs, c.setService(ctx, id, stateFinished, "Service finished successfully"))
	}

	if err := errors.Join(append(errs, c.Clock.Wait(ctx, c.Timing.Upgrade))...); err != nil {
		return err
	}

	c.mu.Lock()
	rollBack := c.rollBack
	c.mu.Unlock()

	if rollBack { // the boot loader has tried the new one and come back
		c.report("rolled-back", map[string]string{"image": image})
	} else {
		c.Disks.upgrade(image)
		c.report("upgraded", map[string]string{"image": image})
	}

	c.finish(Reboot)

	return nil
}
