// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

// A machine that takes its config reboots: it may do so between the look at it and the call, when an earlier run was
// killed after its own call. The next phase waits for it.
func TestAMachineThatFallsSilentWhileItIsGivenItsConfigIsNoFailure(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	_, err := b.observe(t.Context(), true)
	require.NoError(t, err)
	seen := map[string]sight{}
	for _, node := range b.site.Nodes {
		seen[node.Name] = sight{
			state: talos.Maintenance, addr: netip.AddrPortFrom(node.Address, talos.Port),
			fingerprint: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		}
	}
	var said []string
	require.NoError(t, b.applyAll(t.Context(), seen, func(format string, _ ...any) { said = append(said, format) }))
	require.Len(t, said, 4, "it is said of each")
	journal, err := b.dir.Journal()
	require.NoError(t, err)
	require.Empty(t, journal.Applied, "none of them took its config")
	require.Empty(t, b.given)
}

func TestAMachineThatTookItsConfigInThisBootIsLeftAlone(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	b.given = map[string]string{"cp1": "this boot"}
	seen := map[string]sight{"cp1": {state: talos.Maintenance, fingerprint: "this boot"}, "cp2": {state: talos.Ours}}
	require.NoError(t, b.applyAll(t.Context(), seen, func(format string, args ...any) {
		t.Errorf("touched: "+format, args...)
	}))
}
