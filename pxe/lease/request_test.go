// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RFC 2131 table 4, and section 4.3.2 for the answers.
func TestRequests(t *testing.T) {
	hundred, other, foreign := ip("10.77.0.100"), ip("10.77.0.101"), ip("192.168.1.5")
	for name, c := range map[string]struct {
		q      Query
		after  time.Duration // of the lease of machine one, which has 10.77.0.100 for an hour
		want   netip.Addr
		refuse string
		silent string
	}{
		"renewing":                            {q: Query{MAC: one, Client: hundred}, want: hundred},
		"rebinding long after the end":        {q: Query{MAC: one, Client: hundred}, after: 9 * time.Hour, want: hundred},
		"renewing another's":                  {q: Query{MAC: two, Client: hundred, Fixed: ip("10.77.0.9")}, refuse: "its address is 10.77.0.9"},
		"restarted with the same address":     {q: Query{MAC: one, Requested: hundred}, want: hundred},
		"restarted with another address":      {q: Query{MAC: one, Requested: other}, refuse: "its address is 10.77.0.100"},
		"restarted from another network":      {q: Query{MAC: one, Requested: foreign}, refuse: "192.168.1.5 is not in 10.77.0.0/24"},
		"the same behind a relay":             {q: Query{MAC: one, Requested: foreign, Relayed: true}, silent: "wants 192.168.1.5, which is of another network"},
		"restarted and unknown":               {q: Query{MAC: three, Requested: other}, silent: "wants to keep 10.77.0.101, of which nothing is known here"},
		"renewing and unknown":                {q: Query{MAC: three, Client: hundred}, silent: "wants to keep 10.77.0.100, of which nothing is known here"},
		"unknown, of another network":         {q: Query{MAC: three, Client: foreign}, silent: "wants to keep 192.168.1.5, of which nothing is known here"},
		"our offer, forgotten by a restart":   {q: Query{MAC: three, Requested: other, Chosen: us}, want: other},
		"our offer, which never was one":      {q: Query{MAC: three, Requested: ip("10.77.0.200"), Chosen: us}, refuse: "10.77.0.200 is not in the pool"},
		"another's address as our offer":      {q: Query{MAC: three, Requested: hundred, Chosen: us}, refuse: "10.77.0.100 is in use by 52:54:00:77:00:01"},
		"a second address as our offer":       {q: Query{MAC: one, Requested: other, Chosen: us}, refuse: "its address is 10.77.0.100"},
		"nothing asked for":                   {q: Query{MAC: one}, silent: "asks for no address"},
		"a reservation never used":            {q: Query{MAC: three, Requested: ip("10.77.0.9"), Fixed: ip("10.77.0.9")}, want: ip("10.77.0.9")},
		"a pool address beside a reservation": {q: Query{MAC: one, Client: hundred, Fixed: ip("10.77.0.9")}, refuse: "its address is 10.77.0.9"},
		"our own address":                     {q: Query{MAC: three, Requested: us, Chosen: us}, refuse: "10.77.0.2 is not in the pool"},
		"an IPv6 address":                     {q: Query{MAC: one, Requested: ip("fd00::1")}, refuse: "fd00::1 is not in 10.77.0.0/24"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.take(one, none)
			b.now = b.now.Add(c.after)
			c.q.Kind = Request
			got := b.ask(c.q)
			require.Equal(t, c.refuse, got.Refuse)
			require.Equal(t, c.silent, got.Silent)
			require.Equal(t, c.want, got.Address)
			if c.want.IsValid() {
				for _, l := range b.Leases() {
					if l.Address == c.want {
						require.Equal(t, b.now.Add(time.Hour), l.Until)
						require.Equal(t, c.q.MAC, l.MAC)
						require.Equal(t, Bound, l.State)
					}
				}
			}
		})
	}
}
