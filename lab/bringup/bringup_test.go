// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/frame"
)

// Fifty machines at thirty times the speed: that it works at all. The limits are for real time, and for an idle machine.
func TestBringUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()

	program, err := frame.Build(ctx, "../..", t.TempDir())
	require.NoError(t, err)
	result, err := run(ctx, config{program: program, nodes: 50, speed: 30, said: io.Discard})
	require.NoError(t, err)
	t.Logf("%s%s", head(30), result)
	require.Greater(t, result.own.time, 4*time.Second, "no simulated machine is that fast")
	require.Greater(t, result.took, result.own.time)
	require.Greater(t, result.memory, int64(10<<20))
	require.Less(t, result.memory, int64(maxMemory))
}

func TestOwnTimeLeavesOutWhatANodeWaitsFor(t *testing.T) {
	on := time.Unix(1000, 0)
	at := func(second int, machine, kind string, details ...string) fleet.Event {
		e := fleet.Event{Time: on.Add(time.Duration(second) * time.Second), Machine: machine, Kind: kind, Details: map[string]string{}}
		if len(details) > 0 {
			e.Details["to"] = details[0]
		}

		return e
	}
	events := []fleet.Event{
		at(10, "a", "maintenance"), at(13, "a", "state", "installing"), at(40, "a", "configured"), at(50, "a", "bootstrap"), at(70, "a", "node"),
		at(10, "b", "maintenance"), at(13, "b", "state", "installing"), at(60, "b", "configured"), at(75, "b", "node"),
	}
	got, err := slowestOwn(events, on, 8*time.Second)
	require.NoError(t, err)
	require.Equal(t, own{time: (10 + 55 + 7) * time.Second, config: 3 * time.Second}, got, "of b, which is back after the bootstrap")

	got, err = slowestOwn(events[:5], on, 8*time.Second)
	require.NoError(t, err)
	require.Equal(t, own{time: (10 + 35 + 20) * time.Second, config: 3 * time.Second, bootstrap: 2 * time.Second}, got)

	serves := at(72, "a", "control-plane")
	got, err = slowestOwn(append(events[:5:5], serves), on, 8*time.Second)
	require.NoError(t, err)
	require.Equal(t, (10+35+22)*time.Second, got.time, "a control plane is up when it serves the API, though it registered before")

	_, err = slowestOwn(events[:6], on, 0)
	require.ErrorContains(t, err, "machine b did not do all")
}

func TestEachLimitThatIsMissedIsNamed(t *testing.T) {
	good := report{nodes: 500, took: 104 * time.Second, own: own{time: 100 * time.Second}, memory: 299 << 20}
	require.NoError(t, good.missed())
	require.Contains(t, good.String(), "| 500 | 104.0 | 100.0 | 0.0, 0.0, 4.0 | 4.0% | 5% | 299 | 300 |")

	slow, fat := good, good
	slow.took = 105 * time.Second
	require.EqualError(t, slow.missed(), "500 nodes: the overhead is 5.0%, the limit 5%")

	fat.memory = 300 << 20
	require.EqualError(t, fat.missed(), "500 nodes: the peak memory is 300 MiB, the limit 300")
}

func TestNumbersThatNoAddressesAreLeftForAreRefused(t *testing.T) {
	for _, nodes := range []int{0, 2, frame.MaxNodes + 1} {
		_, err := run(t.Context(), config{nodes: nodes})
		require.ErrorContains(t, err, "want 3 to 2000")
	}
}
