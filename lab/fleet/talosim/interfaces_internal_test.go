// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"net"
	"os"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/stretchr/testify/require"
)

// The product's own config of a node with a bond of two cards, two VLANs on it, and a third card with a VLAN, in the form of
// each version.
func TestBondsAndVLANsAreLinksWithTheirAddresses(t *testing.T) {
	for version, vlanOfCard := range map[string]string{"1.11": "enp3s0.30", "1.12": "net2.30", "1.13": "net2.30"} {
		t.Run(version, func(t *testing.T) {
			data, err := os.ReadFile("../../../talos/testdata/wide-" + version + ".golden.yaml")
			require.NoError(t, err)
			provider, err := decode("v"+version+".9", data)
			require.NoError(t, err)

			o := &osRun{
				Config: Config{Hardware: Hardware{
					MAC:      net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1},
					MoreMACs: []net.HardwareAddr{{0x52, 0x54, 0, 0x77, 0, 2}, {0x52, 0x54, 0, 0x77, 0, 3}},
				}},
				resources: state.WrapCore(namespaced.NewState(inmem.Build)),
			}
			wanted, err := o.readSettings(provider)
			require.NoError(t, err)
			require.Equal(t, []string{"10.77.0.11/24", "10.77.0.111/24", "10.20.0.11/24", "10.30.0.11/24"}, texts(wanted.addresses))
			require.Equal(t, []string{"bond0.10", "bond0.10", "bond0.20", "enp3s0"}, wanted.places)
			require.Equal(t, []string{"10.77.0.10"}, texts(wanted.vips))
			require.False(t, wanted.dhcp)

			require.NoError(t, o.publishInterfaces(t.Context(), wanted))
			require.NoError(t, o.publishAddresses(t.Context(), wanted))

			link := func(name string) network.LinkStatusSpec {
				found, err := safe.StateGetByID[*network.LinkStatus](t.Context(), o.resources, name)
				require.NoError(t, err, name)

				return *found.TypedSpec()
			}

			bond := link("bond0")
			require.Equal(t, "bond", bond.Kind)
			require.False(t, bond.Physical())
			require.Equal(t, nethelpers.BondMode8023AD, bond.BondMaster.Mode)
			require.Empty(t, bond.PermanentAddr)

			for i, name := range []string{"enp1s0", "enp2s0"} {
				member := link(name)
				require.True(t, member.Physical(), name)
				require.Equal(t, "bond", member.SlaveKind, name)
				require.Equal(t, bond.Index, member.MasterIndex, name)
				require.Equal(t, bond.HardwareAddr, member.HardwareAddr, "it takes the first one's")
				require.Equal(t, o.macs()[i], net.HardwareAddr(member.PermanentAddr), name)
			}

			for name, parent := range map[string]string{"bond0.10": "bond0", "bond0.20": "bond0", vlanOfCard: "enp3s0"} {
				vlan := link(name)
				require.Equal(t, "vlan", vlan.Kind, name)
				require.Equal(t, link(parent).Index, vlan.LinkIndex, name)
			}

			require.Equal(t, uint16(10), link("bond0.10").VLAN.VID)

			address, err := safe.StateGetByID[*network.AddressStatus](t.Context(), o.resources, "bond0.10/10.77.0.11/24")
			require.NoError(t, err)
			require.Equal(t, "bond0.10", address.TypedSpec().LinkName)
		})
	}
}

func TestWhatStandsOnCardsOfAnotherMachineIsNotThere(t *testing.T) {
	for _, version := range []string{"1.11", "1.12", "1.13"} {
		data, err := os.ReadFile("../../../talos/testdata/wide-" + version + ".golden.yaml")
		require.NoError(t, err)
		provider, err := decode("v"+version+".9", data)
		require.NoError(t, err)

		o := &osRun{Config: Config{Hardware: Hardware{MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 9}}}}
		wanted, err := o.readSettings(provider)
		require.NoError(t, err)
		require.Empty(t, wanted.addresses, version)
		require.Empty(t, wanted.vips, version)
		require.Len(t, wanted.interfaces, 1, version)
	}
}
