// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// ask is a DISCOVER so long after the first, or the machine coming for something.
type ask struct {
	at      time.Duration
	secs    uint16
	follows bool // to port 4011
	fetches bool
}

func TestDialectsTakeTurnsUntilOneIsFollowed(t *testing.T) {
	const a, b, c = dhcp.DiscoveryControl, dhcp.BootService, dhcp.HeaderOnly
	second := time.Second
	for name, tc := range map[string]struct {
		first dhcp.Dialect
		asks  []ask
		want  []dhcp.Dialect // of each DISCOVER
		works bool
	}{
		"three dialects in one boot": {
			b,
			[]ask{{at: 0}, {at: 4 * second, secs: 4}, {at: 12 * second, secs: 12}, {at: 28 * second, secs: 28}},
			[]dhcp.Dialect{b, a, c, b},
			false,
		},
		"BIOS begins with discovery control": {
			a, []ask{{at: 0}, {at: 4 * second}, {at: 12 * second}}, []dhcp.Dialect{a, c, b}, false,
		},
		"a packet that comes twice is no retry": {
			b, []ask{{at: 0}, {at: second / 10}, {at: second}}, []dhcp.Dialect{b, b, b}, false,
		},
		"a firmware that counts is believed": {
			b, []ask{{at: 0}, {at: second / 10, secs: 4}}, []dhcp.Dialect{b, a}, false,
		},
		"who came to port 4011 has followed": {
			b, []ask{{at: 0}, {at: second, follows: true}, {at: 30 * second}}, []dhcp.Dialect{b, b}, false,
		},
		"what worked is kept through two silent boots": {
			b,
			[]ask{{at: 0}, {at: 4 * second}, {at: 5 * second, fetches: true}, {at: 60 * second}, {at: 64 * second}, {at: 72 * second}, {at: 88 * second}},
			[]dhcp.Dialect{b, a, a, a, a, c},
			false,
		},
		"what worked is remembered": {
			b, []ask{{at: 0}, {at: 4 * second}, {at: 5 * second, fetches: true}, {at: 600 * second}}, []dhcp.Dialect{b, a, a}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			var talk Talk
			var got []dhcp.Dialect
			for _, one := range tc.asks {
				if one.follows || one.fetches {
					talk = talk.follow(one.fetches)
					continue
				}
				talk = talk.next("x86-64 UEFI", tc.first, one.secs, start.Add(one.at))
				got = append(got, talk.Dialect)
			}
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.works, talk.Works)
		})
	}
}

func TestAnotherFirmwareBeginsAnew(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	talk := Talk{}.next("x86-64 BIOS", dhcp.DiscoveryControl, 0, now).follow(true)
	talk = talk.next("x86-64 UEFI", dhcp.BootService, 0, now.Add(time.Hour))
	require.Equal(t, Talk{Firmware: "x86-64 UEFI", Dialect: dhcp.BootService, Offered: now.Add(time.Hour)}, talk)
}
