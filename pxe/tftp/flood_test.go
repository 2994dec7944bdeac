// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHalfOpenTransfersDoNotStopARealOne(t *testing.T) {
	file := pattern(74224)
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": file})
	for i := range 1000 {
		flood := newRawClientAt(t, fmt.Sprintf("127.77.%d.%d", 1+i/200, 1+i%200))
		flood.send(at, opRead, "undionly.kpxe\x00octet\x00blksize\x001428\x00timeout\x00255\x00")
		flood.close()
	}
	got, _, err := client{blockSize: 1428}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.Len(t, got, len(file))
}

// With all slots taken by clients that never answer, the oldest of them gives way.
func TestMoreHalfOpenTransfersThanSlotsDoNotStopARealOne(t *testing.T) {
	file := pattern(74224)
	server, err := New(Config{Files: inMemory(map[string][]byte{"undionly.kpxe": file})})
	require.NoError(t, err)
	server.slots = newSlots(8, 4)
	at := run(t, server)
	for i := range 20 {
		flood := newRawClientAt(t, fmt.Sprintf("127.77.1.%d", 1+i))
		flood.send(at, opRead, "undionly.kpxe\x00octet\x00blksize\x001428\x00")
		opcode, _ := flood.receive()
		require.Equal(t, uint16(opOACK), opcode, "client %d", i)
	}
	got, _, err := client{blockSize: 1428}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.Len(t, got, len(file))
}

func TestOneClientCanNotTakeAllSlots(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": pattern(74224)})
	for i := range maxTransfersPerClient + 3 {
		flood := newRawClient(t)
		flood.send(at, opRead, "undionly.kpxe\x00octet\x00blksize\x001428\x00")
		opcode, text := flood.receive()
		if i < maxTransfersPerClient {
			require.Equal(t, uint16(opOACK), opcode)
			continue
		}
		require.Equal(t, uint16(opError), opcode)
		require.Contains(t, text, errBusy.Error())
	}
	got, _, err := client{from: "127.0.0.2"}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.Len(t, got, 74224)
}

func TestSlotsAreLimitedInTotalAndByClient(t *testing.T) {
	made := 0
	of := func(address string) *transfer {
		made++
		return &transfer{peer: netip.AddrPortFrom(netip.MustParseAddr(address), uint16(made)), began: time.Unix(int64(made), 0)}
	}
	s := newSlots(3, 2)
	take := func(of *transfer) bool {
		isTaken, _ := s.take(of)
		return isTaken
	}
	first, second, third := of("10.0.0.1"), of("10.0.0.1"), of("10.0.0.2")
	require.True(t, take(first))
	require.False(t, take(first), "one transfer to a port")
	require.True(t, take(second))
	require.False(t, take(of("10.0.0.1")), "one client's share")
	require.True(t, take(third))
	fourth := of("10.0.0.3")
	isTaken, evict := s.take(fourth)
	require.False(t, isTaken, "the total")
	require.Same(t, first, evict)
	first.answered.Store(true)
	_, evict = s.take(fourth)
	require.Same(t, second, evict)
	second.answered.Store(true)
	third.answered.Store(true)
	_, evict = s.take(fourth)
	require.Nil(t, evict, "who has answered stays")
	s.give(first)
	require.True(t, take(fourth))
	s.give(second)
	s.give(third)
	s.give(fourth)
	require.Empty(t, s.byClient)
	require.Empty(t, s.byPeer)
}

// What is refused leaves nothing behind: no goroutine, no slot, no timer.
func TestRefusedRequestsAreCheap(t *testing.T) {
	file := pattern(74224)
	server, err := New(Config{Files: inMemory(map[string][]byte{"undionly.kpxe": file})})
	require.NoError(t, err)
	at := run(t, server)
	_, _, err = client{}.get(t, at, "undionly.kpxe") // all goroutines run
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine()
	flood := newRawClient(t)
	for i := range 5000 {
		flood.send(at, opRead, fmt.Sprintf("absent-%d\x00octet\x00blksize\x001428\x00", i))
	}
	got, _, err := client{blockSize: 1428}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.Len(t, got, len(file))
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	require.Eventually(t, func() bool {
		server.slots.mu.Lock()
		defer server.slots.mu.Unlock()
		return len(server.slots.byPeer) == 0
	}, 5*time.Second, time.Millisecond)
}

func TestNonsenseIsSurvived(t *testing.T) {
	file := pattern(14280)
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": file})
	c := newRawClient(t)
	for _, packet := range []string{
		"", "\x00", "\x00\x01", "\x00\x02", "\x00\x03", "\x00\x04", "\x00\x05", "\x00\x06", "\xff\xff", "\x00\x04\x00\x01",
		"\x00\x05\x00\x08\x00", "\x00\x03\x00\x01data", "\x00\x06blksize\x008\x00",
		"\x00\x01" + strings.Repeat("a", 1400), "\x00\x01" + strings.Repeat("a\x00", 700), "\x00\x01" + strings.Repeat("\x00", 60000),
		"\x00\x01undionly.kpxe\x00octet\x00" + strings.Repeat("blksize\x008\x00", 4000),
	} {
		c.sendRaw(at, packet)
	}
	got, _, err := client{blockSize: 1428}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.Equal(t, file, got)
}

// RFC 1350: errors are not answered; neither are stragglers of a transfer that is over.
func TestErrorsAndStragglersAreNotAnswered(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": pattern(1600)})
	c := newRawClient(t)
	c.sendRaw(at, "\x00\x05\x00\x08User aborted the transfer\x00")
	c.sendRaw(at, "\x00\x04\x00\x01")
	c.send(at, opRead, "undionly.kpxe\x00octet\x00tsize\x000\x00")
	opcode, _ := c.receive()
	require.Equal(t, uint16(opOACK), opcode, "the first answer is to the request")
	for range 3 {
		c.send(c.peer, opError, "\x00\x08User aborted the transfer\x00")
	}
	c.sendRaw(c.peer, "\x00\x04\x00\x00")
	c.silent(300 * time.Millisecond)
}
