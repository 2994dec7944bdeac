// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// While a node restarts with its config, a second board with its UUID comes up: it would be taken for the node, back without
// what it was given.
func TestAMachineThatComesWhileTheNodeRestartsIsNotGivenItsConfig(t *testing.T) {
	uuid := "11111111-2222-3333-4444-000000000002"
	s := machineSiteWith(t, `mac: "52:54:00:12:00:02", address: 127.212.7.2`, fmt.Sprintf("uuid: %q, address: 127.212.7.2", uuid))
	b := withSecrets(t, s)
	b.opts.NodeTimeout = 20 * time.Second
	peers := &talosim.Peers{}
	same := func(c *talosim.Config) { c.Hardware.UUID = uuid }
	one, worker := startMachine(t, peers, 2, same), startMachine(t, peers, 5, func(*talosim.Config) {})
	for _, m := range []*simulated{one, worker} {
		require.Eventually(t, func() bool { return m.shown() != "" }, 2*time.Minute, 10*time.Millisecond)
	}
	require.NoError(t, b.applyConfigs().Run(t.Context(), silent))
	one.off()
	t.Cleanup(one.on) // it is switched off once more at the end

	two := startMachine(t, peers, 3, same)
	require.Eventually(t, func() bool { return two.shown() != "" }, 2*time.Minute, 10*time.Millisecond)
	b.finder.put("cp1", addrOf("127.212.7.3")) // the next scan would find it
	err := b.awaitInstallation().Run(t.Context(), silent)
	var double *DoubleError
	require.ErrorAs(t, err, &double)
	require.Equal(t, &DoubleError{Nodes: []string{"cp1"}, Addrs: []netip.AddrPort{
		netip.AddrPortFrom(addrOf("127.212.7.2"), talos.Port), netip.AddrPortFrom(addrOf("127.212.7.3"), talos.Port),
	}}, double)
	require.False(t, two.disks.Installed(), "it is not touched")
}
