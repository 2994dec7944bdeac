// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// Reset implements the machine API: it answers at once, and carries out later.
func (a *api) Reset(_ context.Context, in *machine.ResetRequest) (*machine.ResetResponse, error) {
	boot := a.current()
	if boot == nil {
		return nil, errNotAuthorized
	}

	if err := a.checkUserDisks(in); err != nil {
		return nil, err
	}

	if err := checkPartitions(in); err != nil {
		return nil, err
	}

	select {
	case boot.resets <- in:
	default: // one is under way: the sequencer refuses the second, and only its log tells
	}

	return &machine.ResetResponse{Messages: []*machine.Reset{{ActorId: a.bootID}}}, nil
}

func (o *osRun) checkUserDisks(in *machine.ResetRequest) error {
	if len(in.GetUserDisksToWipe()) > 0 && in.GetMode() == machine.ResetRequest_SYSTEM_DISK {
		return errors.New("reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter")
	}

	for _, path := range in.GetUserDisksToWipe() {
		if !slices.ContainsFunc(o.Hardware.Disks, func(d Disk) bool { return d.Path == path }) {
			return fmt.Errorf("reset user disk failed: device %s wasn't found", path)
		}

		if path == o.systemDisk() {
			return fmt.Errorf("reset user disk failed: device %s is the system disk", path)
		}
	}

	return nil
}

func checkPartitions(in *machine.ResetRequest) error {
	if len(in.GetSystemPartitionsToWipe()) > 0 && in.GetMode() == machine.ResetRequest_USER_DISKS {
		return errors.New("reset failed: invalid input, wipe mode USER_DISKS doesn't support SystemPartitionsToWipe parameter")
	}

	known := []string{constants.StatePartitionLabel, constants.EphemeralPartitionLabel, constants.MetaPartitionLabel}
	for _, spec := range in.GetSystemPartitionsToWipe() {
		if !slices.Contains(known, spec.GetLabel()) {
			return fmt.Errorf("failed to get volume status with label %q: resource doesn't exist", spec.GetLabel())
		}
	}

	return nil
}

// runResets carries out the resets of a boot. One that fails leaves the node as it is, and the reason in its log.
func (c *configured) runResets(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case in := <-c.resets:
			if err := c.resetOnce(ctx, in); err != nil {
				c.report("reset-failed", map[string]string{"text": err.Error()})
			}
		}
	}
}

func (c *configured) resetOnce(ctx context.Context, in *machine.ResetRequest) error {
	if in.GetGraceful() && c.self.controlPlane {
		if err := c.leaveEtcd(); err != nil {
			return err
		}
	}

	if err := c.setStage(ctx, StageResetting); err != nil {
		return err
	}

	var labels []string
	for _, spec := range in.GetSystemPartitionsToWipe() {
		if spec.GetWipe() {
			labels = append(labels, spec.GetLabel())
		}
	}

	c.mu.Lock()
	c.wipe = func() { c.carryOut(in, labels) }
	c.mu.Unlock()

	outcome := PowerOff
	if in.GetReboot() {
		outcome = Reboot
	}

	c.finish(outcome)

	return nil
}

// carryOut wipes when everything is stopped.
func (c *configured) carryOut(in *machine.ResetRequest, labels []string) {
	switch {
	case in.GetMode() == machine.ResetRequest_USER_DISKS:
	case len(in.GetSystemPartitionsToWipe()) > 0:
		c.Disks.wipe(labels)
	default:
		c.Disks.Wipe()
	}

	c.Disks.wipeUserDisks(in.GetUserDisksToWipe())
	c.report("wiped", map[string]string{"partitions": fmt.Sprint(labels), "userDisks": fmt.Sprint(in.GetUserDisksToWipe())})
}

// EtcdLeaveCluster implements the machine API.
func (a *api) EtcdLeaveCluster(ctx context.Context, _ *machine.EtcdLeaveClusterRequest) (*machine.EtcdLeaveClusterResponse, error) {
	boot := a.current()
	if err := boot.checkControlPlane("etcd leave"); err != nil {
		return nil, err
	}

	if err := boot.leaveEtcd(); err != nil {
		return nil, err
	}

	if err := boot.setService(ctx, serviceEtcd, stateFinished, "Service finished successfully"); err != nil {
		return nil, err
	}

	return &machine.EtcdLeaveClusterResponse{Messages: []*machine.EtcdLeaveCluster{{}}}, nil
}

// leaveEtcd takes the node out of its cluster, with its data. A node that is in none has nothing to leave; the last
// member can't.
func (c *configured) leaveEtcd() error {
	var err error

	c.Peers.update(func() {
		own := c.self.etcd
		if own == nil {
			return
		}

		if len(own.cluster.members) == 1 {
			err = errors.New("failed to leave cluster: etcdserver: re-configuration failed due to not enough started members")

			return
		}

		own.cluster.members = slices.DeleteFunc(own.cluster.members, func(m *member) bool { return m == own })
		c.self.etcd = nil
		c.Disks.setMember(nil)
	})

	return err
}
