// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"slices"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// ErrWithheld says that the node has not, or does not show, what was asked for: which resources and calls there are differs
// between Talos versions, and between maintenance mode and after.
var ErrWithheld = errors.New("the node does not tell")

// The least that Talos asks of a machine (pkg/minimal of Talos 1.13), which it checks itself only in `talosctl health`.
// What the kernel takes for itself, 150 MiB, is off already.
const (
	MinControlPlaneMemory = (1848 - 150) << 20 // bytes
	MinWorkerMemory       = (1024 - 150) << 20 // bytes
	// MinEphemeral is a disk of 6 GiB without its other partitions (EFI 2101 MiB, META 1 MiB, STATE 100 MiB) and 10 MiB
	// of partition tables.
	MinEphemeral = (6*1024 - 2101 - 1 - 100 - 10) << 20 // bytes
)

// maxItems bounds lists that a node can make us show.
const maxItems = 100

// Memory reads how much memory the kernel has, in bytes.
func (c *Client) Memory(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.Memory(ctx)
	if err != nil {
		return 0, c.withhold(ctx, "read the memory's size", err)
	}

	for _, message := range reply.GetMessages() {
		return message.GetMeminfo().GetMemtotal() << 10, nil // in KiB
	}

	return 0, nil
}

// InContainer tells whether the node is a container, which has the memory of its host and no disks.
func (c *Client) InContainer(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.Version(ctx)
	if err != nil {
		return false, c.withhold(ctx, "read the version", err)
	}

	for _, message := range reply.GetMessages() {
		return message.GetPlatform().GetMode() == "container", nil
	}

	return false, nil
}

// Ephemeral reads the size of the volume for images, pods and etcd, in bytes.
func (c *Client) Ephemeral(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	volume, err := safe.StateGetByID[*block.VolumeStatus](ctx, c.api.COSI, constants.EphemeralPartitionLabel)
	if err != nil {
		return 0, c.withhold(ctx, "read the size of "+constants.EphemeralPartitionLabel, err)
	}

	return volume.TypedSpec().Size, nil
}

// Diagnostics are the troubles that the node itself has found, each as one line: that addresses overlap, or that the
// kubelet's certificate is not approved. None is well.
func (c *Client) Diagnostics(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	list, err := safe.StateListAll[*runtime.Diagnostic](ctx, c.api.COSI)
	if err != nil {
		return nil, c.withhold(ctx, "read the diagnostics", err)
	}

	var found []string

	for diagnostic := range list.All() {
		if len(found) < maxItems {
			found = append(found, field(diagnostic.Metadata().ID()+": "+diagnostic.TypedSpec().Message))
		}
	}

	slices.Sort(found)

	return found, nil
}

// withhold makes the error of a read that is [ErrWithheld] where the node did not tell.
func (c *Client) withhold(ctx context.Context, op string, err error) error {
	failure := c.fail(ctx, op, err, nil)

	var call *CallError
	if withheld(err) && errors.As(failure, &call) {
		call.kind = ErrWithheld
	}

	return failure
}
