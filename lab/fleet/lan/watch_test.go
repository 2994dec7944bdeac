// SPDX-License-Identifier: Apache-2.0

package lan_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

func TestTheRouterSeesWhoGoesElsewhere(t *testing.T) {
	n := newNetns(t)
	router := netip.MustParseAddr("10.77.0.1")
	require.NoError(t, n.Bastion.RouteVia(router))
	watch, err := n.Site.Watch()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, watch.Close()) })

	// What the router asks itself, and is answered, is nobody's way out.
	listener, err := n.Bastion.Listen(t.Context(), netip.MustParseAddrPort("10.77.0.2:5000"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conn, err := n.Site.Dial(t.Context(), netip.Addr{}, "10.77.0.2:5000")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Empty(t, watch.Seen())

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = n.Bastion.Dial(ctx, netip.Addr{}, "192.0.2.7:443")
	require.Error(t, err)
	packet, err := n.Bastion.ListenPacket(t.Context(), netip.MustParseAddrPort("10.77.0.2:5353"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = packet.Close() })
	_, err = packet.WriteTo([]byte("where is quay.io"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.77.0.1:53")))
	require.NoError(t, err)

	require.Eventually(t, func() bool {
		return saw(watch, "tcp", "192.0.2.7:443") && saw(watch, "udp", "10.77.0.1:53")
	}, 5*time.Second, 10*time.Millisecond, "%v", watch.Seen())
}

func saw(watch *lan.Watch, protocol, to string) bool {
	return slices.ContainsFunc(watch.Seen(), func(b lan.Begun) bool {
		return b.Protocol == protocol && b.To == netip.MustParseAddrPort(to)
	})
}
