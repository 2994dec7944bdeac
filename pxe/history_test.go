// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// steppingClock advances by a second each time it is read.
func steppingClock() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func macNumber(n int) net.HardwareAddr {
	mac := make([]byte, 8)
	binary.BigEndian.PutUint64(mac, uint64(n)|0x020000000000)
	return mac[2:]
}

func TestHistoryKeepsTheLastEvents(t *testing.T) {
	h := newHistory(steppingClock())
	for i := range maxEvents + 10 {
		h.record(macOne, note{machine: "node1", what: fmt.Sprint(i)})
	}
	got := h.sightings()
	require.Len(t, got, 1)
	require.Len(t, got[0].Events, maxEvents)
	require.Equal(t, "10", got[0].Events[0].What)
	require.Equal(t, got[0].LastSeen, got[0].Events[maxEvents-1].Time)
}

func TestHistoryForgetsStrangersBeforeMachines(t *testing.T) {
	h := newHistory(steppingClock())
	h.record(macOne, note{machine: "node1", what: "first of all"})
	for i := range 5 * maxMachines {
		h.record(macNumber(i), note{what: "flood", addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})})
	}
	got := h.sightings()
	require.LessOrEqual(t, len(got), maxMachines)
	require.Equal(t, "node1", got[0].Machine)
	require.LessOrEqual(t, len(h.byAddr), len(got))
}

// Two machines may say to be one: both are remembered.
func TestHistoryKnowsTheAddressOfEachCard(t *testing.T) {
	h := newHistory(steppingClock())
	require.Empty(t, h.addrsOf("node1"))
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(n)}) }
	for n := range maxAddrs + 2 {
		h.record(macNumber(n), note{machine: "node1", what: "asks", addr: addr(n)})
	}
	h.record(macNumber(200), note{machine: "node2", what: "asks", addr: addr(200)})
	got := h.addrsOf("node1")
	require.Len(t, got, maxAddrs)
	require.Equal(t, addr(maxAddrs+1), got[0], "the latest first")
	require.NotContains(t, got, addr(200))

	h.record(macNumber(3), note{machine: "node1", what: "asks", addr: addr(100)})
	got = h.addrsOf("node1")
	require.Equal(t, addr(100), got[0])
	require.NotContains(t, got, addr(3), "a card has one")
}

func TestHistoryIsBoundedWhenLiarsClaimToBeOfTheSite(t *testing.T) {
	h := newHistory(steppingClock())
	for i := range 3 * maxMachines {
		h.record(macNumber(i), note{machine: "by-uuid", what: "lie"})
		h.record(macOne, note{machine: "node1", addr: netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)})})
	}
	require.LessOrEqual(t, len(h.byMAC), maxMachines)
	require.LessOrEqual(t, len(h.byAddr), len(h.byMAC))
}

func TestHistoryFollowsAddresses(t *testing.T) {
	h := newHistory(steppingClock())
	a, b := netip.MustParseAddr("10.77.0.100"), netip.MustParseAddr("10.77.0.101")
	require.Nil(t, h.recordAddr(note{addr: a, what: "from nobody"}))
	h.record(macOne, note{machine: "node1", addr: a, stage: StageScript})
	require.Equal(t, macOne, h.recordAddr(note{addr: a, stage: StageKernel, what: "kernel"}))
	h.record(macTwo, note{machine: "node2", addr: a, stage: StageScript, what: "the lease moved on"})
	require.Equal(t, macTwo, h.recordAddr(note{addr: a, stage: StageInitramfs, what: "initramfs"}))
	h.record(macOne, note{addr: b, stage: StageOffered, what: "again"})

	got := h.sightings()
	require.Len(t, got, 2)
	require.Equal(t, []string{"node1", "node2"}, []string{got[0].Machine, got[1].Machine})
	require.Equal(t, []netip.Addr{b, a}, []netip.Addr{got[0].LastAddr, got[1].LastAddr})
	require.Equal(t, []Stage{StageOffered, StageInitramfs}, []Stage{got[0].Stage, got[1].Stage})
}

func TestSightingsAreCopies(t *testing.T) {
	h := newHistory(steppingClock())
	h.record(macOne, note{what: "one"})
	seen := h.sightings()
	seen[0].Events[0].What = "changed"
	seen = h.sightings()
	require.Equal(t, "one", seen[0].Events[0].What)
}
