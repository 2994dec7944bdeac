// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// EtcdRemoveMemberByID implements the machine API: a running majority of the cluster takes one member out.
func (a *api) EtcdRemoveMemberByID(
	_ context.Context, in *machine.EtcdRemoveMemberByIDRequest,
) (*machine.EtcdRemoveMemberByIDResponse, error) {
	boot := a.current()
	if err := boot.checkControlPlane("etcd remove member"); err != nil {
		return nil, err
	}

	var err error

	a.Peers.update(func() { err = a.Peers.remove(boot.self, in.GetMemberId()) })

	if err != nil {
		return nil, err
	}

	a.report("member-removed", nil)

	return &machine.EtcdRemoveMemberByIDResponse{Messages: []*machine.EtcdRemoveMemberByID{{}}}, nil
}

// remove takes a member out of the cluster that a node sees. The member's own etcd ends, if it runs. Call it with the lock
// held.
func (p *Peers) remove(n *node, id uint64) error {
	cluster := p.discover(n)
	if cluster == nil {
		return status.Error(codes.Unavailable, "failed to create etcd client: no etcd member answers")
	}

	votes, running := 0, 0

	for _, m := range cluster.members {
		if m.learner {
			continue
		}

		votes++

		if p.runs(m) {
			running++
		}
	}

	if 2*running <= votes {
		return status.Error(codes.Unknown, "failed to remove member: etcdserver: no leader")
	}

	i := slices.IndexFunc(cluster.members, func(m *member) bool { return m.id == id })
	if i < 0 {
		return status.Error(codes.NotFound, "etcdserver: member not found")
	}

	gone := cluster.members[i]
	cluster.members = slices.Delete(cluster.members, i, i+1)

	for _, other := range p.nodes {
		if other.etcd == gone {
			other.etcd = nil
		}
	}

	return nil
}
