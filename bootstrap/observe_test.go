// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestCandidatesAreTheOwnAddressAndWhereAScanFoundIt(t *testing.T) {
	b := withoutSecrets(t, parseSite(t, "", ""))
	node := b.site.Nodes[1]
	own := netip.MustParseAddrPort("127.211.7.3:50000")
	require.Equal(t, []netip.AddrPort{own}, b.candidates(node))

	b.finder.put("cp2", node.Address)
	require.Equal(t, []netip.AddrPort{own}, b.candidates(node), "each address once")

	b.finder.put("cp2", netip.MustParseAddr("127.211.7.12"))
	b.finder.put("cp1", netip.MustParseAddr("127.211.7.13"))
	require.Equal(t, []netip.AddrPort{own, netip.MustParseAddrPort("127.211.7.12:50000")}, b.candidates(node))
}

// The credentials are made at the first look, which is at several nodes at once: run it with -race.
func TestNodesAreLookedAtSideBySide(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	seen, err := b.observe(t.Context())
	require.NoError(t, err)
	require.Len(t, seen, 4)
	for name, sight := range seen {
		require.Equal(t, talos.Unreachable, sight.state, name)
	}
}

func TestNodesThatAreOffAreNamed(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	done, err := b.allOurs(t.Context())
	require.NoError(t, err)
	require.False(t, done)
	require.True(t, b.finder.due(), "nobody scanned the network to find out whether all is done, as plan does")
	err = b.watch("have not appeared", talos.Ours).assert(t.Context())
	require.EqualError(t, err, "nodes that have not appeared: cp1, cp2, cp3, w1")
}

func TestWhatWasSeenAMomentAgoIsUsedOnceToApply(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	b.remember("cp1", sight{state: talos.Maintenance, fingerprint: "a"})
	b.remember("cp2", sight{state: talos.Ours})
	b.remember("cp3", sight{state: talos.Maintenance, fingerprint: "c"})
	b.recent["cp3"] = recentSight{sight: b.recent["cp3"].sight, at: time.Now().Add(-recentLimit)}
	seen, err := b.observeForApply(t.Context())
	require.NoError(t, err)
	require.Len(t, seen, 4)
	require.Equal(t, "a", seen["cp1"].fingerprint)
	for _, name := range []string{"cp2", "cp3", "w1"} {
		require.Equal(t, talos.Unreachable, seen[name].state, "%s is looked at again", name)
	}
	seen, err = b.observeForApply(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Unreachable, seen["cp1"].state)
}
