// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lossy is a relay between one client and the server that loses a share of the packets both ways.
func lossy(t testing.TB, server netip.AddrPort, loss float64, seed uint64) netip.AddrPort {
	t.Helper()
	open := func() *net.UDPConn {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		return conn
	}
	near, far := open(), open()
	var client, peer atomic.Pointer[netip.AddrPort]
	peer.Store(&server)
	done := make(chan struct{}, 2)
	pump := func(from, to *net.UDPConn, seen, target *atomic.Pointer[netip.AddrPort], seed uint64) {
		defer func() { done <- struct{}{} }()
		random := rand.New(rand.NewPCG(seed, seed))
		buffer := make([]byte, 2048)
		for {
			n, sender, err := from.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			seen.Store(&sender)
			if at := target.Load(); err == nil && at != nil && random.Float64() >= loss {
				_, _ = to.WriteToUDPAddrPort(buffer[:n], *at) // a failure is one more loss
			}
		}
	}
	go pump(near, far, &client, &peer, seed)
	go pump(far, near, &peer, &client, seed+1)
	t.Cleanup(func() {
		require.NoError(t, near.Close())
		require.NoError(t, far.Close())
		<-done
		<-done
	})
	return near.LocalAddr().(*net.UDPAddr).AddrPort()
}

// hurried repeats what was lost a hundred times sooner than the usual pace.
func hurried() pace {
	p := usualPace()
	p.tick, p.first, p.least, p.silence = time.Millisecond, 5*time.Millisecond, time.Millisecond, 2*time.Second
	return p
}

func TestTransfersEndOverLossyPaths(t *testing.T) {
	file := pattern(8 << 20)
	at, finished := serveAt(t, hurried(), Config{Files: inMemory(map[string][]byte{"small": file[:1<<20], "large": file})})
	t.Run("all", func(t *testing.T) {
		for _, loss := range []float64{0.1, 0.2} {
			for name, size := range map[string]int{"small": 1 << 20, "large": 8 << 20} {
				for _, window := range []int{1, 4} {
					t.Run(fmt.Sprintf("%s by windows of %d with %v lost", name, window, loss), func(t *testing.T) {
						t.Parallel()
						relay := lossy(t, at, loss, uint64(window))
						got, _, err := client{blockSize: 1428, window: window, patience: 50 * time.Millisecond}.get(t, relay, name)
						require.NoError(t, err)
						require.True(t, bytes.Equal(file[:size], got))
					})
				}
			}
		}
	})
	for range 8 { // also where the last acknowledgement was lost, and the client went away
		require.NoError(t, (<-finished).Err)
	}
}

// Block numbers have 16 bits: files above 93 MB need more with blocks of 1428, and these with blocks of 8.
func TestBlockNumbersWrap(t *testing.T) {
	file := pattern(65536*8*2 + 48)
	at, finished := serve(t, map[string][]byte{"uki.efi": file})
	for _, window := range []int{1, 7} {
		got, _, err := client{blockSize: 8, window: window}.get(t, at, "uki.efi")
		require.NoError(t, err)
		require.True(t, bytes.Equal(file, got))
		require.NoError(t, (<-finished).Err)
	}
}

// The sorcerer's apprentice: each acknowledgement comes twice, but no block may.
func TestDoubledAcknowledgementsDoNotDoubleTheTraffic(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"undionly.kpxe": pattern(1428 * 400)})
	for _, window := range []int{1, 4} {
		doubling := client{blockSize: 1428, window: window, spoil: func(ack []byte) [][]byte { return [][]byte{ack, ack} }}
		_, packets, err := doubling.get(t, at, "undionly.kpxe")
		require.NoError(t, err)
		transfer := <-finished
		require.NoError(t, transfer.Err)
		// A loaded machine may answer too late now and then.
		require.Less(t, packets, 420, "of 401 blocks")
	}
}
