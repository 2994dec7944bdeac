// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/emptypb"
)

func (n *fakeNode) EtcdSnapshot(_ *machine.EtcdSnapshotRequest, stream machine.MachineService_EtcdSnapshotServer) error {
	return n.snapshot(stream)
}

func (n *fakeNode) EtcdRecover(stream machine.MachineService_EtcdRecoverServer) error {
	return n.recovers(stream)
}

func (n *fakeNode) List(in *machine.ListRequest, stream machine.MachineService_ListServer) error {
	return n.list(in, stream)
}

func (n *fakeNode) Read(in *machine.ReadRequest, stream machine.MachineService_ReadServer) error {
	return n.read(in, stream)
}

func (n *fakeNode) Reset(_ context.Context, in *machine.ResetRequest) (*machine.ResetResponse, error) {
	return &machine.ResetResponse{Messages: []*machine.Reset{{}}}, n.reset(in)
}

func (n *fakeNode) EtcdStatus(context.Context, *emptypb.Empty) (*machine.EtcdStatusResponse, error) {
	return &machine.EtcdStatusResponse{Messages: []*machine.EtcdStatus{{MemberStatus: n.etcdStatus}}}, nil
}
