// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// held runs a contest of which the results are known: works[i] is what server i does in each round; the last is ours.
func held(t *testing.T, c contest, works ...[]result) (table string, below []string) {
	t.Helper()
	var out bytes.Buffer
	b := bench{rounds: len(works[0]), out: &out}
	for i, rounds := range works {
		round := 0
		c.all = append(c.all, contestant{
			name: string(rune('a' + i)), server: &process{hidesCPU: true, done: make(chan struct{})}, isOurs: i == len(works)-1,
			run: func(context.Context) (result, error) {
				round++
				return rounds[round-1], nil
			},
		})
	}
	c.per = 1
	require.NoError(t, b.hold(t.Context(), c))
	return out.String(), b.below
}

func speeds(values ...float64) []result {
	var results []result
	for _, value := range values {
		results = append(results, result{work: value, took: time.Second})
	}
	return results
}

// The machine got three times slower after the first round: the ratios within the rounds did not.
func TestTheRatiosWithinTheRoundsDecide(t *testing.T) {
	c := contest{title: "x", unit: "MB", limit: 1}
	dnsmasq, hpa := speeds(300, 100, 100, 100), speeds(30, 10, 10, 10)
	table, below := held(t, c, dnsmasq, hpa, speeds(330, 104, 106, 85))
	require.Empty(t, below)
	require.Contains(t, table, "| c | 105 | **1.05** (a) |")

	_, below = held(t, c, dnsmasq, hpa, speeds(270, 96, 90, 110))
	require.Empty(t, below, "four rounds, and one was won")

	_, below = held(t, c, dnsmasq, hpa, speeds(270, 96, 90, 98))
	require.Equal(t, []string{"x: c: 0.93 of a, and at most 0.98 in three of four rounds; want 1.00"}, below)

	_, below = held(t, contest{title: "x", unit: "MB"}, speeds(300, 100), speeds(1, 1))
	require.Empty(t, below, "no limit")
}

func TestWhatIsLostDecidesToo(t *testing.T) {
	ours := speeds(1000, 1000)
	ours[1].lost = 1
	_, below := held(t, contest{title: "x", limit: 1}, speeds(1, 1), ours)
	require.Equal(t, []string{"x: b: 1 lost"}, below)
}

func TestLateAnswersDecideUnlessAllAreLate(t *testing.T) {
	with := func(p99 time.Duration) []result { return []result{{work: 1, took: time.Second, p99: p99}} }
	c := contest{title: "x", limit: 1, p99: 10 * time.Millisecond}
	_, below := held(t, c, with(2*time.Millisecond), with(11*time.Millisecond))
	require.Equal(t, []string{"x: b: p99 is 11.0 ms, want 10ms or what the others have"}, below)
	_, below = held(t, c, with(12*time.Millisecond), with(11*time.Millisecond))
	require.Empty(t, below)
}
