// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func numbered(i int) net.HardwareAddr {
	return binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(i))
}

func TestLimits(t *testing.T) {
	now := time.Now()
	count := func(l *Limiter, mac func(i int) net.HardwareAddr, tries int) (allowed int) {
		for i := range tries {
			if l.Allow(mac(i), now) {
				allowed++
			}
		}
		return allowed
	}
	same := func(int) net.HardwareAddr { return mac }
	known := func(m net.HardwareAddr) bool { return slices.Equal(m, mac) }

	l := NewLimiter(Limits{Known: known})
	require.Equal(t, 4000, count(l, numbered, 100_000), "all strangers together")
	require.Equal(t, 50, count(l, same, 1000), "a machine of the site is not among them")
	require.LessOrEqual(t, len(l.stranger), maxBuckets)
	require.EqualValues(t, 96_000+950, l.Dropped())
	now = now.Add(time.Second)
	require.Equal(t, 2000, count(l, numbered, 100_000))
	require.Equal(t, 10, count(l, same, 1000))

	l = NewLimiter(Limits{PerMachine: 1, Strangers: 3})
	require.Equal(t, 5, count(l, same, 1000))
	require.Equal(t, 1, count(l, numbered, 1000), "that one used up five of six")
	now = now.Add(time.Second)
	require.Equal(t, 1, count(l, same, 1000), "and what it sends in excess is not counted")
	require.Equal(t, 2, count(l, numbered, 1000))

	var none *Limiter
	require.Equal(t, 1000, count(none, same, 1000))
}

func TestSiteOf500MachinesIsUnderTheLimits(t *testing.T) {
	l := NewLimiter(Limits{})
	now := time.Now()
	for range 12 { // packets of one program, all within a second, and all strangers
		now = now.Add(time.Second / 2)
		for i := range 500 {
			require.True(t, l.Allow(numbered(i), now))
		}
	}
}
