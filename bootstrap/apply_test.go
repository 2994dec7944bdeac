// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// A machine that takes its config reboots: it may do so between the look at it and the call, when an earlier run was
// killed after its own call. The next phase waits for it.
func TestAMachineThatFallsSilentWhileItIsGivenItsConfigIsNoFailure(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	_, err := b.observe(t.Context())
	require.NoError(t, err)
	seen := inMaintenance(t, b)
	var said []string
	require.NoError(t, b.applyAll(t.Context(), seen, func(format string, _ ...any) { said = append(said, format) }))
	require.Len(t, said, 4, "it is said of each")
	journal, err := b.dir.Journal()
	require.NoError(t, err)
	require.Empty(t, journal.Applied, "none of them took its config")
	require.Empty(t, b.given)
	for _, a := range b.applyResults() {
		require.Equal(t, Silent, a.Result, a.Node)
		require.Contains(t, a.Reason, "connection refused", a.Node)
	}
}

// inMaintenance is what is seen when the machine of each node waits for its config, each in a boot of its own.
func inMaintenance(t *testing.T, b *bringup) map[string]sight {
	t.Helper()
	seen := map[string]sight{}
	for i, node := range b.site.Nodes {
		seen[node.Name] = sight{
			state: talos.Maintenance, addr: netip.AddrPortFrom(node.Address, talos.Port),
			fingerprint: string(rune('A'+i)) + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", inventory: machineOf(t, node),
		}
	}
	return seen
}

// machineOf is the hardware that the site file says a node has.
func machineOf(t *testing.T, node site.Node) talos.Inventory {
	t.Helper()
	out := talos.Inventory{Serial: node.Serial, Disks: []talos.Disk{{DevPath: "/dev/vda", Size: 100 << 30, Serial: node.Disk.Serial, Transport: "virtio", Contents: blank()}}}
	if node.MAC != "" {
		mac, err := net.ParseMAC(node.MAC)
		require.NoError(t, err)
		out.Links = []talos.Link{{Name: "eth0", MAC: mac, Up: true}}
	}
	return out
}

func TestANodeThatRefusesIsLeftBehindOnceAndTheOthersGoOn(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	seen := inMaintenance(t, b)
	other := seen["w1"]
	other.inventory.Disks[0].Serial = "another"
	seen["w1"] = other
	quiet := func(string, ...any) {}
	err := b.applyAll(t.Context(), seen, quiet)
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Results, 4)
	require.ErrorContains(t, err, "node w1 (127.211.7.5:50000): ")
	require.NotContains(t, err.Error(), "cp1")

	require.NoError(t, b.leaveRefused(t.Context(), err, quiet))
	require.Equal(t, []string{"cp1", "cp2", "cp3"}, names(b.expected()))
	require.NotContains(t, names(b.without(seen)), "w1", "it is not asked again in the same boot")
	other.fingerprint = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
	seen["w1"] = other
	require.Contains(t, names(b.without(seen)), "w1", "but in the next one")
	require.ErrorContains(t, b.lateError(nil), "w1 (")
}

func TestAMachineThatTookItsConfigInThisBootIsLeftAlone(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	b.given = map[string]string{"cp1": "this boot"}
	seen := map[string]sight{"cp1": {state: talos.Maintenance, fingerprint: "this boot"}, "cp2": {state: talos.Ours}}
	require.NoError(t, b.applyAll(t.Context(), seen, func(format string, args ...any) {
		t.Errorf("touched: "+format, args...)
	}))
}
