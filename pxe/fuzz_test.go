// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Whatever arrives, the server neither falls over nor says something a proxy must not say.
func FuzzDHCP(f *testing.F) {
	captures, err := filepath.Glob("testdata/firmware/*.pcap")
	require.NoError(f, err)
	require.NotEmpty(f, captures)
	for _, capture := range captures {
		for _, d := range readCapture(f, capture) {
			f.Add(d.payload, d.to.Port() == 4011)
		}
	}
	b := newBooter(f, nil)
	served := map[string]bool{}
	for name := range b.shelf.byHTTP() {
		served[name] = true
	}
	f.Fuzz(func(t *testing.T, payload []byte, toBootService bool) {
		service, port := dhcp.ServiceDHCP, uint16(67)
		if toBootService {
			service, port = dhcp.ServiceBoot, 4011
		}
		request, err := dhcp.Parse(payload, netip.MustParseAddrPort("10.77.0.99:68"), service)
		if err != nil {
			return
		}
		request.Server = serverAddr
		answer, answered := b.answerDHCP(t.Context(), request)
		if !answered {
			return
		}
		reply, err := request.Encode(answer)
		require.NoError(t, err)
		require.LessOrEqual(t, len(reply), 1472, "it fits into one Ethernet frame")
		got, err := dhcpv4.FromBytes(reply)
		require.NoError(t, err)
		require.Equal(t, "0.0.0.0", got.YourIPAddr.String())
		require.Equal(t, serverAddr.String(), got.ServerIPAddr.String())
		want := dhcpv4.MessageTypeOffer
		if toBootService {
			want = dhcpv4.MessageTypeAck
		}
		require.Equal(t, want, got.MessageType())
		file := got.BootFileName
		if own, ok := strings.CutPrefix(file, "http://10.77.0.2:8080/"); ok {
			file = own
		}
		_, name, _ := strings.Cut(file, machineDir(request.MAC)+"/")
		require.True(t, strings.HasPrefix(file, "boot.ipxe?mac="+request.MAC.String()) || served[name], got.BootFileName)
		require.NotZero(t, request.Destination(answer, port).Port())
	})
}
