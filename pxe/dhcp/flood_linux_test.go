// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/ipv4"
)

// floodRate is in packets a second.
const floodRate = 50_000

// flood broadcasts DISCOVERs of made-up machines until the function returned is called, which tells how many.
func (w wire) flood(t testing.TB, name string) (stop func() int64) {
	t.Helper()
	from := w.socketOn(t, name)
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		batch := make([]ipv4.Message, 64)
		for i := range batch {
			batch[i] = ipv4.Message{Buffers: [][]byte{ask(t)}, Addr: &net.UDPAddr{IP: net.IPv4bcast, Port: 67}}
		}
		for start := time.Now(); ctx.Err() == nil; {
			if float64(sent.Load()) > time.Since(start).Seconds()*floodRate {
				time.Sleep(time.Millisecond)
				continue
			}
			for _, m := range batch { // chaddr, no group's
				binary.BigEndian.PutUint64(m.Buffers[0][28:], rand.Uint64()&^(1<<56))
			}
			if n, err := from.WriteBatch(batch, 0); err == nil {
				sent.Add(int64(n))
			}
		}
	})
	return func() int64 {
		cancel()
		done.Wait()
		return sent.Load()
	}
}

func (w wire) socketOn(t testing.TB, name string) *ipv4.PacketConn {
	t.Helper()
	var conn net.PacketConn
	apart(t, w.machine, func() {
		config := net.ListenConfig{Control: bindTo(name)}
		var err error
		conn, err = config.ListenPacket(t.Context(), "udp4", "0.0.0.0:0")
		require.NoError(t, err)
	})
	t.Cleanup(func() { _ = conn.Close() })
	return ipv4.NewPacketConn(conn)
}

// A flood of machines that do not exist, each of which would be given an address, leaves a real one able to boot: it is
// answered within the four times that firmware asks.
func TestFloodLeavesARealMachineAbleToBoot(t *testing.T) {
	w := newWire(t)
	limiter := NewLimiter(Limits{Known: func(m net.HardwareAddr) bool { return slices.Equal(m, mac) }})
	var handled atomic.Int64
	w.serve(t, func(_ context.Context, r Request) (Reply, bool) {
		if !slices.Equal(r.MAC, mac) {
			handled.Add(1)
		}
		return Reply{Boot: Boot{File: "snponly.efi"}, Lease: lease()}, true
	}, limiter, listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67))
	f := w.firmware(t, "peer0")
	start := time.Now()
	stop := w.flood(t, "peer0")
	defer stop()
	time.Sleep(2 * time.Second) // the flood is under way, and what strangers have at once is used up

	tries := 0
	for _, message := range []Message{Discover, Ask} {
		answered := false
		for range 4 { // at 0, 4, 12 and 28 s; here sooner
			tries++
			f.send(ask(t, messageType(message)))
			if answered = f.answeredTo(mac, time.Second); answered {
				break
			}
		}
		require.True(t, answered, message)
	}
	sent, took := stop(), time.Since(start)
	t.Logf("%d packets of strangers in %s (%.0f/s), %d handled; the machine asked %d times for 2 answers",
		sent, took, float64(sent)/took.Seconds(), handled.Load(), tries)
	require.LessOrEqual(t, float64(handled.Load()), strangers*(3+took.Seconds()))
	if tries == 2 && float64(sent) < 5000*took.Seconds() {
		t.Skipf("only %d packets in %s were sent: too busy a host to make a flood", sent, took)
	}
}

// answeredTo waits for an answer to one machine among those to others.
func (f firmware) answeredTo(mac net.HardwareAddr, wait time.Duration) bool {
	f.t.Helper()
	require.NoError(f.t, f.SetReadDeadline(time.Now().Add(wait)))
	buffer := make([]byte, 2048)
	for {
		n, _, err := f.ReadFrom(buffer)
		if err != nil {
			return false
		}
		if got, err := dhcpv4.FromBytes(buffer[:n]); err == nil && slices.Equal(got.ClientHWAddr, mac) {
			return true
		}
	}
}
