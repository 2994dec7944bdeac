// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a packet costs without the system calls.
func BenchmarkParseAndEncode(b *testing.B) {
	payload := captured(b)["uefi-x64-pxe-ovmf-2025.pcap"][0]
	for name, reply := range map[string]Reply{
		"proxy":  {Boot: Boot{File: "52-54-00-77-00-01/snponly.efi"}},
		"server": {Boot: Boot{File: "52-54-00-77-00-01/snponly.efi"}, Lease: lease()},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := Parse(payload, noAddr, ServiceDHCP)
				if err != nil {
					b.Fatal(err)
				}
				r.Server = server
				if _, err := r.Encode(reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Offers over a cable between namespaces, with 64 questions on the way at any time.
func BenchmarkOffers(b *testing.B) {
	w := newWire(b)
	w.serve(b, func(context.Context, Request) (Reply, bool) {
		return Reply{Boot: Boot{File: "52-54-00-77-00-01/snponly.efi"}}, true
	}, nil, listen(b, "eth0", "10.77.0.2", ServiceDHCP, 67))
	f := w.firmware(b, "peer0")
	packet := ask(b)
	const window = 64
	b.ResetTimer()
	sent := min(window, b.N)
	for range sent {
		f.send(packet)
	}
	lost := 0
	for got := 0; got < b.N; got++ {
		if offer, _ := f.hear(longEnough / 50); offer == nil {
			lost++
			require.Less(b, lost, 100)
		}
		if sent < b.N {
			f.send(packet)
			sent++
		}
	}
	b.ReportMetric(float64(b.N-lost)/b.Elapsed().Seconds(), "offers/s")
}
