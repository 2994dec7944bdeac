// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	one   = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
	two   = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 2}
	three = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 3}
	us    = ip("10.77.0.2")
	none  = netip.Addr{}
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// bench is a table with a clock that tests move.
type bench struct {
	*Table
	t   testing.TB
	now time.Time
}

// newBench makes a table with a pool of three addresses.
func newBench(t testing.TB, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	config := Config{
		Subnet: netip.MustParsePrefix("10.77.0.0/24"), Server: us,
		First: ip("10.77.0.100"), Last: ip("10.77.0.102"),
		Now: func() time.Time { return b.now },
	}
	if change != nil {
		change(&config)
	}
	table, err := Open(config)
	require.NoError(t, err)
	b.Table = table
	return b
}

func (b *bench) ask(q Query) Outcome {
	b.t.Helper()
	o := b.Answer(b.t.Context(), q)
	said := 0
	for _, part := range []bool{o.Address.IsValid(), o.Refuse != "", o.Silent != ""} {
		if part {
			said++
		}
	}
	require.Equal(b.t, 1, said, "one of the three: %+v", o)
	return o
}

func (b *bench) discover(mac net.HardwareAddr, fixed netip.Addr) Outcome {
	b.t.Helper()
	return b.ask(Query{Kind: Discover, MAC: mac, Fixed: fixed})
}

// take asks for an address and takes what is offered.
func (b *bench) take(mac net.HardwareAddr, fixed netip.Addr) netip.Addr {
	b.t.Helper()
	offer := b.discover(mac, fixed)
	require.Empty(b.t, offer.Silent)
	got := b.ask(Query{Kind: Request, MAC: mac, Requested: offer.Address, Chosen: us, Fixed: fixed})
	require.Equal(b.t, offer.Address, got.Address, "%+v", got)
	return got.Address
}

func TestEachMachineGetsAnAddressOfItsOwnAndKeepsIt(t *testing.T) {
	b := newBench(t, nil)
	require.Equal(t, ip("10.77.0.100"), b.take(one, none))
	require.Equal(t, ip("10.77.0.101"), b.take(two, none))
	// Each program of a netboot names itself differently.
	offer := b.ask(Query{Kind: Discover, MAC: one, ClientID: []byte("iPXE"), Requested: ip("10.77.0.102")})
	require.Equal(t, ip("10.77.0.100"), offer.Address)
	require.Equal(t, time.Hour, offer.Time)
	b.now = b.now.Add(24 * time.Hour)
	require.Equal(t, ip("10.77.0.101"), b.take(two, none), "long after its lease ended")
}

func TestOfferIsTakenFromTheAddressThatMadeIt(t *testing.T) {
	b, second := newBench(t, nil), ip("10.78.0.2")
	offer := b.ask(Query{Kind: Discover, MAC: one, Server: second})
	q := Query{Kind: Request, MAC: one, Requested: offer.Address, Chosen: second, Server: second}
	require.Equal(t, offer.Address, b.ask(q).Address)
	q.Server = none
	require.Equal(t, "takes the offer of 10.78.0.2", b.ask(q).Silent)
	require.Contains(t, b.ask(Query{Kind: Release, MAC: one, Client: offer.Address, Chosen: second, Server: second}).Silent, "gave back")
}

func TestWishForAFreeAddressIsGranted(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Excluded = []netip.Addr{ip("10.77.0.101")} })
	require.Equal(t, ip("10.77.0.102"), b.ask(Query{Kind: Discover, MAC: one, Requested: ip("10.77.0.102")}).Address)
	for _, wish := range []string{"10.77.0.101", "10.77.0.102", "10.77.0.9", "192.0.2.1"} {
		require.Equal(t, ip("10.77.0.100"), b.ask(Query{Kind: Discover, MAC: two, Requested: ip(wish)}).Address, wish)
	}
}

func TestOfferIsHeldForAMinute(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Last = c.First })
	require.Equal(t, ip("10.77.0.100"), b.discover(one, none).Address)
	require.Equal(t, "no address of the pool 10.77.0.100-10.77.0.100 is free", b.discover(two, none).Silent)
	b.now = b.now.Add(time.Minute)
	require.Equal(t, ip("10.77.0.100"), b.take(two, none))
	late := b.ask(Query{Kind: Request, MAC: one, Requested: ip("10.77.0.100"), Chosen: us})
	require.Equal(t, "10.77.0.100 is in use by 52:54:00:77:00:02", late.Refuse)
}

func TestOfferOfAnotherServerThatIsTakenFreesOurs(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Last = c.First })
	b.discover(one, none)
	got := b.ask(Query{Kind: Request, MAC: one, Requested: ip("10.77.0.250"), Chosen: ip("10.77.0.1")})
	require.Equal(t, "takes the offer of 10.77.0.1", got.Silent)
	got = b.ask(Query{Kind: Request, MAC: one, Requested: ip("10.77.0.250")})
	require.Equal(t, "wants to keep 10.77.0.250, of which nothing is known here", got.Silent, "it is the other server's")
	require.Equal(t, ip("10.77.0.100"), b.discover(two, none).Address)
}

func TestDeclinedAddressRests(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Last = ip("10.77.0.101") })
	b.take(one, none)
	require.Contains(t, b.ask(Query{Kind: Decline, MAC: two, Requested: ip("10.77.0.100"), Chosen: us}).Silent, "not its address here",
		"nobody else can take it away")
	require.Equal(t, "gave back 10.77.0.100", b.ask(Query{Kind: Decline, MAC: one, Requested: ip("10.77.0.100"), Chosen: us}).Silent)
	require.Equal(t, Lease{Address: ip("10.77.0.100"), State: Declined, Until: b.now.Add(10 * time.Minute)}, b.Leases()[0])
	require.Equal(t, ip("10.77.0.101"), b.take(one, none))
	require.NotEmpty(t, b.discover(two, none).Silent)
	b.now = b.now.Add(10 * time.Minute)
	require.Equal(t, ip("10.77.0.100"), b.take(two, none))
}

func TestReleasedAddressIsFreeButRemembered(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Last = ip("10.77.0.101") })
	b.take(one, none)
	b.take(two, none)
	b.ask(Query{Kind: Release, MAC: one, Client: ip("10.77.0.100"), Chosen: us})
	require.Equal(t, Expired, b.Leases()[0].State)
	require.Equal(t, ip("10.77.0.100"), b.take(one, none))
	b.ask(Query{Kind: Release, MAC: one, Client: ip("10.77.0.100"), Chosen: us})
	require.Equal(t, ip("10.77.0.100"), b.take(three, none))
	require.Contains(t, b.ask(Query{Kind: Release, MAC: one, Client: ip("10.77.0.100"), Chosen: us}).Silent, "not its address here")
}

func TestAddressGivenBackLongestAgoIsReusedFirst(t *testing.T) {
	b := newBench(t, nil)
	b.take(two, none)
	b.now = b.now.Add(time.Second)
	b.take(one, none)
	b.now = b.now.Add(2 * time.Hour)
	require.Equal(t, ip("10.77.0.102"), b.take(three, none), "one that was never used comes before both")
	b.now = b.now.Add(2 * time.Hour)
	require.Equal(t, ip("10.77.0.100"), b.take(net.HardwareAddr{2, 0, 0, 0, 0, 9}, none))
	require.Equal(t, ip("10.77.0.101"), b.take(one, none), "whose address it still is")
}

func TestReservations(t *testing.T) {
	fixed := ip("10.77.0.101")
	b := newBench(t, func(c *Config) { c.Excluded = []netip.Addr{fixed} })
	require.Equal(t, ip("10.77.0.100"), b.take(one, none))
	require.Equal(t, ip("10.77.0.102"), b.take(two, none), "the reservation is not given away")
	require.Equal(t, fixed, b.take(one, fixed), "it wins over the address the machine had")
	// A machine's second card, or a copied entry of the site file.
	offer := b.discover(three, fixed)
	require.Equal(t, "its fixed address 10.77.0.101 is in use by 52:54:00:77:00:01, "+
		"and no address of the pool 10.77.0.100-10.77.0.102 is free", offer.Silent)
	b.ask(Query{Kind: Release, MAC: two, Client: ip("10.77.0.102"), Chosen: us})
	offer = b.discover(three, fixed)
	require.Equal(t, ip("10.77.0.102"), offer.Address)
	require.Equal(t, "its fixed address 10.77.0.101 is in use by 52:54:00:77:00:01", offer.Note)
	got := b.ask(Query{Kind: Request, MAC: three, Requested: offer.Address, Chosen: us, Fixed: fixed})
	require.Equal(t, offer.Address, got.Address)
	require.Equal(t, offer.Note, got.Note)
	b.ask(Query{Kind: Release, MAC: one, Client: fixed, Chosen: us})
	require.Equal(t, "its address is 10.77.0.101", b.ask(Query{Kind: Request, MAC: three, Client: offer.Address, Fixed: fixed}).Refuse)
	require.Equal(t, fixed, b.take(three, fixed))
}

func TestWithoutAPoolOnlyReservationsAreGiven(t *testing.T) {
	b := newBench(t, func(c *Config) { c.First, c.Last = none, none })
	require.Equal(t, ip("10.77.0.11"), b.take(one, ip("10.77.0.11")))
	require.Equal(t, "there is no pool", b.discover(two, none).Silent)
	require.Contains(t, b.discover(two, ip("10.78.0.11")).Silent, "its fixed address 10.78.0.11 is not in 10.77.0.0/24")
}

func TestInformIsAnsweredWithoutALease(t *testing.T) {
	b := newBench(t, nil)
	require.Equal(t, Outcome{Address: ip("10.77.0.200")}, b.ask(Query{Kind: Inform, MAC: one, Client: ip("10.77.0.200")}))
	require.NotEmpty(t, b.ask(Query{Kind: Inform, MAC: one, Client: ip("192.168.1.5")}).Silent)
	require.NotEmpty(t, b.ask(Query{Kind: Inform, MAC: one}).Silent)
	require.Empty(t, b.Leases())
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Subnet: netip.MustParsePrefix("10.0.0.0/8"), Server: ip("10.0.0.1"), First: ip("10.1.0.0"), Last: ip("10.1.255.255")}
	_, err := Open(good)
	require.NoError(t, err)
	for want, change := range map[string]func(*Config){
		"want an IPv4 network":     func(c *Config) { c.Subnet = netip.MustParsePrefix("fd00::/64") },
		"invalid Prefix":           func(c *Config) { c.Subnet = netip.Prefix{} },
		"want IPv4":                func(c *Config) { c.Server = none },
		"ends before it begins":    func(c *Config) { c.First, c.Last = c.Last, c.First },
		"has 65537 addresses":      func(c *Config) { c.Last = c.Last.Next() },
		"11.0.0.1 is not in":       func(c *Config) { c.Last = ip("11.0.0.1") },
		"invalid IP is not in":     func(c *Config) { c.Last = none },
		"lease time -1s: want at":  func(c *Config) { c.Time = -time.Second },
		"lease time 1314000h0m0s:": func(c *Config) { c.Time = 1314000 * time.Hour },
	} {
		config := good
		change(&config)
		_, err := Open(config)
		require.ErrorContains(t, err, want)
	}
	b := newBench(t, func(c *Config) { c.Subnet = netip.MustParsePrefix("10.77.0.100/30") })
	require.Equal(t, ip("10.77.0.101"), b.take(one, none), "a subnet's first and last address are nobody's")
	require.Empty(t, b.ask(Query{Kind: Discover, MAC: one[:5]}).Address)
}
