// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/frame"
)

// maxMemory is what the product promises for 500 machines.
const maxMemory = 200 << 20

func TestStorm(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	program, err := frame.Build(ctx, "../..", t.TempDir())
	require.NoError(t, err)

	for _, machines := range []int{50, 500} {
		t.Run(fmt.Sprintf("%d machines", machines), func(t *testing.T) {
			result, err := run(ctx, config{program: program, machines: machines})
			require.NoError(t, err)
			t.Logf("%s%s", reportHead, result)
			require.Len(t, result.took, machines)
			require.Less(t, result.memory, int64(maxMemory))
			require.Greater(t, result.memory, int64(10<<20), "no Go program with a megabyte of iPXE in it is smaller")
			require.Positive(t, result.cpu)
		})
	}

	t.Run("addresses from the server", func(t *testing.T) {
		result, err := run(ctx, config{program: program, machines: 100, serves: true})
		require.NoError(t, err)
		t.Logf("%s%s", reportHead, result)
		require.Less(t, result.memory, int64(maxMemory))
	})

	t.Run("all kinds of machines", func(t *testing.T) {
		_, err := run(ctx, config{program: program, machines: len(all()), kinds: all()})
		require.NoError(t, err)
	})

	for _, loss := range []float64{0.1, 0.2} {
		t.Run(fmt.Sprintf("%.0f%% of TFTP packets lost both ways", 100*loss), func(t *testing.T) {
			result, err := run(ctx, config{program: program, machines: 6, loss: loss})
			require.NoError(t, err)
			t.Logf("%d machines booted in %s", result.machines, result.all())
			require.Greater(t, result.all(), time.Second, "that nothing had to be sent again is not believable")
		})
	}
}

func TestAMachineThatBootsSomethingElseIsFound(t *testing.T) {
	s := &storm{wants: map[string]bool{"right": true}}
	right, wrong := rom.Image{SHA256: "right"}, rom.Image{SHA256: "wrong"}

	require.NoError(t, s.verify(rom.Result{Kernel: right, Initrds: []rom.Image{right}}))
	require.NoError(t, s.verify(rom.Result{UKI: right}))

	for _, result := range []rom.Result{
		{Kernel: wrong}, {Kernel: right, Initrds: []rom.Image{wrong}}, {UKI: wrong}, {FromDisk: true}, {},
	} {
		require.ErrorContains(t, s.verify(result), "not the factory's")
	}
}

func TestDropsAreThoseOfASocketNobodyReads(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 90, 99, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.SetReadBuffer(4096))

	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()

	before, err := drops(int(at.Port()), at.Addr())
	require.NoError(t, err)
	require.Zero(t, before)

	for range 100 {
		_, err = conn.WriteToUDPAddrPort(make([]byte, 500), at)
		require.NoError(t, err)
	}

	after, err := drops(int(at.Port()), at.Addr())
	require.NoError(t, err)
	require.Positive(t, after)

	elsewhere, err := drops(int(at.Port()), netip.MustParseAddr("127.90.99.2"))
	require.NoError(t, err)
	require.Zero(t, elsewhere)
}

func TestReportIsARowOfItsTable(t *testing.T) {
	r := report{
		machines: 4, took: []time.Duration{4 * time.Second, time.Second, 2 * time.Second, 3 * time.Second}, memory: 70 << 20,
		cpu: 10 * time.Millisecond, lostBySite: 7,
	}
	require.Equal(t, "| 4 | 3.0 | 4.0 | 70 | 2.5 | 0, 7 |", fmt.Sprint(r))
}

func TestStormRefusesNumbersItHasNoAddressesFor(t *testing.T) {
	for _, machines := range []int{0, 2, frame.MaxNodes + 1} {
		_, err := run(t.Context(), config{machines: machines})
		require.ErrorContains(t, err, "want 3 to 2000")
	}
}
