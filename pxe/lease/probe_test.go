// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressInUseIsNotOffered(t *testing.T) {
	asked := map[netip.Addr]int{}
	b := newBench(t, func(c *Config) {
		c.Taken = func(_ context.Context, a netip.Addr) bool { asked[a]++; return a == ip("10.77.0.100") }
	})
	require.Equal(t, ip("10.77.0.101"), b.take(one, none))
	require.Equal(t, Declined, b.Leases()[0].State)
	b.take(one, none)
	require.Equal(t, 1, asked[ip("10.77.0.101")], "whose it is already may answer itself")
	b.take(three, ip("10.77.0.9"))
	require.Zero(t, asked[ip("10.77.0.9")])
}

func TestNobodyIsAskedBehindARelay(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Taken = func(context.Context, netip.Addr) bool { t.Error("ARP does not pass a relay"); return true }
	})
	outcome := b.Answer(t.Context(), Query{Kind: Discover, MAC: one, Relayed: true})
	require.Equal(t, ip("10.77.0.100"), outcome.Address)
}

func TestNetworkThatAnswersForEveryAddressIsNotProbedForLong(t *testing.T) {
	asked := 0
	b := newBench(t, func(c *Config) {
		c.Last = ip("10.77.0.199")
		c.Taken = func(context.Context, netip.Addr) bool { asked++; return true }
	})
	require.Equal(t, "the last 3 addresses of the pool that were tried are in use by other hosts", b.discover(one, none).Silent)
	require.Equal(t, 3, asked)
}

func TestSecondQuestionDuringAProbeWaits(t *testing.T) {
	probing, goOn := make(chan bool), make(chan bool)
	b := newBench(t, func(c *Config) {
		c.Taken = func(context.Context, netip.Addr) bool { probing <- true; return <-goOn }
	})
	first := make(chan Outcome)
	go func() { first <- b.Answer(t.Context(), Query{Kind: Discover, MAC: one}) }()
	<-probing
	require.Equal(t, "whether 10.77.0.100 is in use is being looked at", b.discover(one, none).Silent)
	goOn <- false
	require.Equal(t, ip("10.77.0.100"), (<-first).Address)
	require.Equal(t, ip("10.77.0.100"), b.discover(one, none).Address)
}
