// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"net"
	"testing"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestAContainersVethsAreItsCards(t *testing.T) {
	veth := network.NewLinkStatus(network.NamespaceName, "eth0")
	*veth.TypedSpec() = network.LinkStatusSpec{
		Type: nethelpers.LinkEther, Kind: "veth", HardwareAddr: nethelpers.HardwareAddr{2, 0, 0, 0, 0, 1}, LinkState: true,
	}

	for platform, want := range map[string]talos.Inventory{
		"container": {Container: true, Links: []talos.Link{{Name: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Up: true}}},
		"metal":     {},
	} {
		metadata := runtime.NewPlatformMetadataSpec(runtime.NamespaceName, runtime.PlatformMetadataID)
		metadata.TypedSpec().Platform = platform
		client := dialFake(t, &fakeNode{resources: []resource.Resource{veth, metadata}})

		got, err := client.Inventory(t.Context())
		require.NoError(t, err)
		require.Equal(t, want.Links, got.Links, platform)
		require.Equal(t, want.Container, got.Container, platform)
	}
}
