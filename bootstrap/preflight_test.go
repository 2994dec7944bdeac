// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

func addrOf(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestAMachineThatFitsTwoNodesIsNamed(t *testing.T) {
	b := withSecrets(t, machineSiteWith(t, "", ""))
	seen := map[string]sight{}
	for _, node := range b.site.Nodes {
		seen[node.Name] = sight{state: talos.Maintenance, fingerprint: oneFingerprint, addr: netip.MustParseAddrPort("127.212.7.9:50000")}
	}
	err := b.refuseDoubles(t.Context(), b.site.Nodes, seen)
	require.EqualError(t, err, "the machine at 127.212.7.9:50000 fits both cp1 and w1")
}

// Cheap boards have one UUID: the node is known by nothing else.
func TestTwoMachinesThatSayToBeOneNodeAreNamed(t *testing.T) {
	uuid := "11111111-2222-3333-4444-000000000002"
	s := machineSiteWith(t, `mac: "52:54:00:12:00:02", address: 127.212.7.2`, fmt.Sprintf("uuid: %q, address: 127.212.7.2", uuid))
	peers := &talosim.Peers{}
	same := func(c *talosim.Config) { c.Hardware.UUID = uuid }
	one := startMachine(t, peers, 2, same)
	two := startMachine(t, peers, 3, same)
	worker := startMachine(t, peers, 5, func(*talosim.Config) {})
	for _, m := range []*simulated{one, two, worker} {
		require.Eventually(t, func() bool { return m.shown() != "" }, 2*time.Minute, 10*time.Millisecond)
	}
	_, err := Up(t.Context(), Options{Site: s, WorkDir: t.TempDir(), Until: "apply", Reporter: told(func(string) {})})
	var double *DoubleError
	require.ErrorAs(t, err, &double)
	require.Equal(t, []string{"cp1"}, double.Nodes)
	addrs := fmt.Sprint(double.Addrs)
	require.True(t, strings.Contains(addrs, "127.212.7.2:50000") && strings.Contains(addrs, "127.212.7.3:50000"), addrs)
	for _, m := range []*simulated{one, two, worker} {
		require.False(t, m.disks.Installed(), "no machine is touched")
	}
}

// Without the right to ask by ARP, as on loopback, whoever accepts connections at the endpoint has the address.
func TestAVirtualAddressThatSomebodyHasIsRefused(t *testing.T) {
	b := withSecrets(t, machineSiteWith(t, "", ""))
	require.NoError(t, b.refuseTakenVIP(t.Context(), nil), "nobody has it")

	listener, err := net.Listen("tcp", "127.212.7.10:6443")
	require.NoError(t, err)
	defer listener.Close()
	err = b.refuseTakenVIP(t.Context(), nil)
	require.EqualError(t, err, "127.212.7.10 (network.vip) is in use by another host: it accepts connections at 127.212.7.10:6443")
	err = b.refuseTakenVIP(t.Context(), map[string]sight{"cp1": {addr: netip.MustParseAddrPort("127.212.7.10:50000")}})
	require.ErrorContains(t, err, "(the machine of cp1, by DHCP)")
	require.True(t, isFinal(err), "waiting would not help")
}
