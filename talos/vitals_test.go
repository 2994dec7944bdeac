// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"testing"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cozystack/cozy-install/talos"
)

func (n *fakeNode) Memory(context.Context, *emptypb.Empty) (*machine.MemoryResponse, error) {
	return &machine.MemoryResponse{Messages: []*machine.Memory{{
		Metadata: &common.Metadata{}, Meminfo: &machine.MemInfo{Memtotal: n.memory},
	}}}, nil
}

func (n *fakeNode) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{Platform: &machine.PlatformInfo{Mode: n.mode}}}}, nil
}

func TestANodeTellsHowLargeItIs(t *testing.T) {
	volume := block.NewVolumeStatus(block.NamespaceName, "EPHEMERAL")
	volume.TypedSpec().Size = 50 << 30

	client := dialFake(t, &fakeNode{memory: 4 << 20, mode: "metal", resources: []resource.Resource{volume}})

	memory, err := client.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(4<<30), memory, "the kernel counts in KiB")

	size, err := client.Ephemeral(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(50<<30), size)

	container, err := client.InContainer(t.Context())
	require.NoError(t, err)
	require.False(t, container)

	container, err = dialFake(t, &fakeNode{mode: "container"}).InContainer(t.Context())
	require.NoError(t, err)
	require.True(t, container)
}

func TestDiagnosticsAreOneCleanLineEach(t *testing.T) {
	second := runtime.NewDiagnostic(runtime.NamespaceName, "kubelet-csr")
	second.TypedSpec().Message = "not \x1b[2Japproved\nyet"

	first := runtime.NewDiagnostic(runtime.NamespaceName, "address-overlap")
	first.TypedSpec().Message = "host and pods overlap"

	found, err := dialFake(t, &fakeNode{resources: []resource.Resource{second, first}}).Diagnostics(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "address-overlap: host and pods overlap", found[0])
	require.NotContains(t, found[1], "\x1b")
	require.NotContains(t, found[1], "\n")
}

// What a node does not show is told apart from a node that does not answer.
func TestWhatANodeDoesNotTellIsNoFailure(t *testing.T) {
	client := dialFake(t, &fakeNode{denied: map[resource.Type]codes.Code{
		runtime.DiagnosticType: codes.PermissionDenied, k8s.StaticPodStatusType: codes.Unavailable,
	}})

	_, err := client.Diagnostics(t.Context())
	require.ErrorIs(t, err, talos.ErrWithheld)

	_, err = client.Ephemeral(t.Context())
	require.ErrorIs(t, err, talos.ErrWithheld, "there is no such volume")

	_, err = client.TimeStatus(t.Context())
	require.ErrorIs(t, err, talos.ErrWithheld)

	_, err = client.StaticPods(t.Context())
	require.ErrorIs(t, err, talos.ErrUnavailable)
	require.NotErrorIs(t, err, talos.ErrWithheld)
}

func TestServicesAreReadByName(t *testing.T) {
	found, err := dialFake(t, &fakeNode{services: []*machine.ServiceInfo{
		{Id: "kubelet", State: "Running", Health: &machine.ServiceHealth{Healthy: true}},
		{Id: "etcd", State: "Preparing", Health: &machine.ServiceHealth{Unknown: true}, Events: &machine.ServiceEvents{
			Events: []*machine.ServiceEvent{{Msg: "first"}, {Msg: "Running pre state"}},
		}},
	}}).Services(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]talos.ServiceState{
		"kubelet": {State: "Running", Healthy: true}, "etcd": {State: "Preparing", Message: "Running pre state"},
	}, found)
}
