// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The address is one for documentation (RFC 5737): no host stands on its network. Who answers by ARP is tested with the
// simulated site, and in package dhcp.
func TestNobodyIsAskedForAnAddressOfAnotherNetwork(t *testing.T) {
	mac, err := Holder(t.Context(), netip.MustParseAddr("203.0.113.7"))
	require.ErrorIs(t, err, ErrNotOnNetwork)
	require.ErrorContains(t, err, "look who has 203.0.113.7")
	require.Nil(t, mac)
	_, err = Holder(t.Context(), netip.MustParseAddr("127.0.0.1"))
	require.ErrorIs(t, err, ErrNotOnNetwork, "loopback is no Ethernet")
}
