// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDestination(t *testing.T) {
	relay, nine := ip("10.88.0.1"), ip("10.77.0.9")
	machine := netip.MustParseAddrPort("10.77.0.123:4011")
	for name, c := range map[string]struct {
		request Request
		reply   Reply
		want    string
	}{
		"a machine without an address":     {request: Request{Service: ServiceDHCP, From: noAddr}, want: "255.255.255.255:68"},
		"a machine that only has one":      {request: Request{Service: ServiceDHCP, From: netip.AddrPortFrom(nine, 68)}, want: "255.255.255.255:68"},
		"a machine that renews":            {request: Request{Service: ServiceDHCP, From: netip.AddrPortFrom(nine, 68), Client: nine}, want: "10.77.0.9:68"},
		"a machine that renews from 1068":  {request: Request{Service: ServiceDHCP, From: netip.AddrPortFrom(nine, 1068), Client: nine}, want: "10.77.0.9:68"},
		"one that names another's address": {request: Request{Service: ServiceDHCP, From: netip.AddrPortFrom(nine, 68), Client: ip("192.0.2.1")}, want: "255.255.255.255:68"},
		"a refusal": {
			request: Request{Service: ServiceDHCP, From: netip.AddrPortFrom(nine, 68), Client: nine}, reply: Reply{Refusal: "no"},
			want: "255.255.255.255:68",
		},
		"a relay, at our own DHCP port":      {request: Request{Service: ServiceDHCP, From: noAddr, Relay: relay}, want: "10.88.0.1:6767"},
		"a refusal by a relay":               {request: Request{Service: ServiceDHCP, From: noAddr, Relay: relay}, reply: Reply{Refusal: "no"}, want: "10.88.0.1:6767"},
		"EDK2 asking from port 4011":         {request: Request{Service: ServiceBoot, From: machine}, want: "10.77.0.123:4011"},
		"a boot service request from nobody": {request: Request{Service: ServiceBoot, From: noAddr}, want: "255.255.255.255:68"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.request.Destination(c.reply, 6767).String())
		})
	}
}
