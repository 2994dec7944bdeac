// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

func TestMachinesBootWhileSomebodyFloodsTheWire(t *testing.T) {
	s := newSite(t, serverMode)
	s.serve()

	port := s.attach("52:54:00:66:00:01")
	require.NoError(t, port.Assign(netip.MustParsePrefix("10.77.0.200/24")))

	ctx, stop := context.WithCancel(t.Context())
	halves := halfTransfers(ctx, t, port)
	slow := slowConnections(ctx, t, port)

	var (
		flooding sync.WaitGroup
		sent     atomic.Int64
		failed   error
	)

	flooding.Go(func() { failed = discovers(ctx, port, &sent) })
	require.Eventually(t, func() bool { return sent.Load() > 4000 }, patience, 10*time.Millisecond)

	before := sent.Load()
	for i, firmware := range []rom.Firmware{rom.BIOS, rom.UEFI, rom.UEFIHTTP} {
		s.boots(machine{mac: fmt.Sprintf("52:54:00:77:00:%02x", 1+i), firmware: firmware})
	}

	require.Eventually(t, func() bool { return sent.Load() > before }, patience, 10*time.Millisecond, "the flood goes on")

	stop()
	flooding.Wait()
	require.NoError(t, failed)
	t.Logf("%d DISCOVERs, %d transfers, %d connections", sent.Load(), len(halves), len(slow))

	for _, conn := range append(halves, slow...) {
		_ = conn.Close() // the server may have closed it
	}
}

// closer is a connection of some kind.
type closer interface{ Close() error }

// halfTransfers ask for a file each and say nothing more.
func halfTransfers(ctx context.Context, t *testing.T, port lan.Port) (list []closer) {
	t.Helper()

	for range 1000 {
		conn, err := port.ListenPacket(ctx, netip.MustParseAddrPort("10.77.0.200:0"))
		require.NoError(t, err)
		_, err = conn.WriteTo([]byte("\x00\x01undionly.kpxe\x00octet\x00"), &net.UDPAddr{IP: bastion.Addr().AsSlice(), Port: 69})
		require.NoError(t, err)
		list = append(list, conn)
	}

	return list
}

// slowConnections begin a request each and never end it.
func slowConnections(ctx context.Context, t *testing.T, port lan.Port) (list []closer) {
	t.Helper()

	for range 1000 {
		dial, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := port.Dial(dial, netip.MustParseAddr("10.77.0.200"), "10.77.0.2:8080")
		cancel()

		if err != nil {
			break // it takes no more from one machine
		}

		_, _ = conn.Write([]byte("GET /undionly.kpxe HTTP/1.1\r\nHost: a")) // the server may have closed it
		list = append(list, conn)
	}

	return list
}

// discovers come from made-up machines, some two thousand a second, until ctx ends.
func discovers(ctx context.Context, port lan.Port, sent *atomic.Int64) error {
	conn, err := port.OpenDHCP(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}

		for range 20 {
			mac := net.HardwareAddr{2, byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), 1}

			packet, err := dhcpv4.NewDiscovery(mac, dhcpv4.WithBroadcast(true),
				dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient:Arch:00007:UNDI:003000")))
			if err != nil {
				return err
			}

			if err := conn.Send(packet.ToBytes()); err != nil {
				return err
			}

			sent.Add(1)
		}
	}
}
