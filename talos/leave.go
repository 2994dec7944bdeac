// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
)

// LeaveEtcd has the node take its own member out of etcd, stop etcd, and remove its data. The last member cannot leave.
func (c *Client) LeaveEtcd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	if err := c.api.EtcdLeaveCluster(ctx, &machine.EtcdLeaveClusterRequest{}); err != nil {
		return c.fail(ctx, "leave etcd", err, nil)
	}

	return nil
}

// RemoveEtcdMember has this control plane take another's member out of etcd, which takes the agreement of a majority. It is
// for members whose machine is gone: one that runs is to leave by itself. A member that is not there is no error.
func (c *Client) RemoveEtcdMember(ctx context.Context, id uint64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	err := c.api.EtcdRemoveMemberByID(ctx, &machine.EtcdRemoveMemberByIDRequest{MemberId: id})
	if err == nil {
		return nil
	}

	err = c.fail(ctx, "remove a member of etcd", err, nil)

	var call *CallError
	if errors.As(err, &call) && call.Code == codes.NotFound {
		return nil
	}

	return err
}
