// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// EtcdStatus implements the machine API. The first member of a cluster is its leader.
func (a *api) EtcdStatus(context.Context, *empty) (*machine.EtcdStatusResponse, error) {
	boot := a.current()
	if err := boot.checkControlPlane("etcd status"); err != nil {
		return nil, err
	}

	a.Peers.mu.Lock()
	defer a.Peers.mu.Unlock()

	own := boot.self.etcd
	if own == nil {
		return nil, status.Error(codes.Unavailable, "failed to query etcd status: connection refused")
	}

	return &machine.EtcdStatusResponse{Messages: []*machine.EtcdStatus{{MemberStatus: &machine.EtcdMemberStatus{
		MemberId: own.id, Leader: own.cluster.members[0].id, IsLearner: own.learner,
		ProtocolVersion: "3.6.5", StorageVersion: "3.6.0", DbSize: snapshotPages * pageSize, DbSizeInUse: pageSize,
		RaftIndex: 1000, RaftAppliedIndex: 1000, RaftTerm: 2,
	}}}}, nil
}
