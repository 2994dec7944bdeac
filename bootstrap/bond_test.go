// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// A node keeps its address on a VLAN of a bond, with the config in the form of each version; its cards are still known by
// their permanent addresses.
func TestAMachineWithABondAndAVLANIsInstalled(t *testing.T) {
	for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
		t.Run(version, func(t *testing.T) {
			second := net.HardwareAddr{0x52, 0x54, 0, 0x12, 0, 0x12}
			machinesWith(t, map[byte]func(*talosim.Config){
				2: func(c *talosim.Config) {
					c.Version = version
					c.Hardware.MoreMACs = []net.HardwareAddr{second}
				},
				5: func(c *talosim.Config) { c.Version = version },
			})
			b := withSecrets(t, machineSiteWith(t, "disk: {serial: D2}",
				`disk: {serial: D2}, network: {bond: {members: ["52:54:00:12:00:02", "52:54:00:12:00:12"], mode: active-backup}, vlan: 7}`))
			b.site.Talos.Version = version
			require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
			require.NoError(t, b.awaitInstallation().Run(t.Context(), silent))

			node := b.site.Nodes[0]
			client, err := b.dial(t.Context(), node)
			require.NoError(t, err)
			defer client.Close()
			inventory, err := client.Inventory(t.Context())
			require.NoError(t, err)
			require.Len(t, inventory.Links, 2, "bonds and VLANs are no cards")
			require.Equal(t, node.MAC, inventory.Links[0].MAC.String())
			require.Equal(t, second, inventory.Links[1].MAC)
		})
	}
}
