// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// One DISCOVER of firmware through everything but the sockets: among a thousand machines that have all booted some times.
func BenchmarkOffer(b *testing.B) {
	server := newBooter(b, func(c *Config) {
		c.AcceptUnknown = false
		for i := range 1000 {
			c.Machines = append(c.Machines, Machine{Name: macNumber(i).String(), MACs: []net.HardwareAddr{macNumber(i)}})
		}
	})
	packets := make([][]byte, 1000)
	for i := range packets {
		p, err := dhcpv4.New(dhcpv4.WithHwAddr(macNumber(i)), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover),
			dhcpv4.WithGeneric(dhcpv4.OptionClassIdentifier, []byte(pxeUEFI)),
			dhcpv4.WithGeneric(dhcpv4.OptionClientSystemArchitectureType, []byte{0, 7}))
		require.NoError(b, err)
		packets[i] = p.ToBytes()
	}
	offer := func(i int) {
		request, err := dhcp.Parse(packets[i%len(packets)], netip.MustParseAddrPort("0.0.0.0:68"), dhcp.ServiceDHCP)
		require.NoError(b, err)
		request.Server = serverAddr
		reply, answered := server.answerDHCP(b.Context(), request)
		require.True(b, answered)
		_, err = request.Encode(reply)
		require.NoError(b, err)
	}
	for i := range maxEvents * len(packets) {
		offer(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		offer(i)
	}
}
