// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLeasesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.json")
	config := func(c *Config) { c.File = path }
	b := newBench(t, config)
	b.take(one, none)
	b.ask(Query{Kind: Request, MAC: one, ClientID: []byte{1, 0xff}, Client: ip("10.77.0.100")})
	b.take(two, none)
	b.ask(Query{Kind: Release, MAC: two, Client: ip("10.77.0.101")})
	b.discover(three, none)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	again := newBench(t, config) // nothing was closed: this is kill -9
	require.Equal(t, []Lease{
		{Address: ip("10.77.0.100"), MAC: one, ClientID: []byte{1, 0xff}, State: Bound, Until: b.now.Add(time.Hour)},
		{Address: ip("10.77.0.101"), MAC: two, State: Expired, Until: b.now},
	}, again.Leases())
	require.Equal(t, ip("10.77.0.102"), again.take(three, none))
	require.Equal(t, ip("10.77.0.101"), again.take(two, none))
	require.Equal(t, ip("10.77.0.100"), again.take(one, none))

	moved := newBench(t, func(c *Config) {
		c.File, c.Subnet = path, netip.MustParsePrefix("10.88.0.0/24")
		c.First, c.Last = ip("10.88.0.100"), ip("10.88.0.102")
	})
	require.Empty(t, moved.Leases(), "addresses of another network are of no use")
}

func TestBrokenFileIsNamed(t *testing.T) {
	for content, want := range map[string]string{
		"":                          "EOF",
		`{"version":1,"leases":[`:   "unexpected EOF",
		`{"version":2}`:             "version: 2: this program reads 1",
		`{"version":1,"lease":[]}`:  `unknown field "lease"`,
		`{"version":1}{"version":1`: "something after its end",
		`{"version":1,"leases":[{"address":"10.77.0.100","mac":"52:54","until":"2026-11-25T12:00:00Z"}]}`:         `leases[0].mac: "52:54": not an Ethernet address`,
		`{"version":1,"leases":[{"address":"fd00::1","mac":"52:54:00:77:00:01","until":"2026-11-25T12:00:00Z"}]}`: `leases[0].address: "fd00::1": not an IPv4 address`,
		`{"version":1,"leases":[{"address":"10.77.0.100","mac":"52:54:00:77:00:01","until":"2026-11-25T12:00:00Z"},` +
			`{"address":"10.77.0.100","mac":"52:54:00:77:00:02","until":"2026-11-25T12:00:00Z"}]}`: "leases[1].address: 10.77.0.100: is there twice",
	} {
		path := filepath.Join(t.TempDir(), "leases.json")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := Open(Config{Subnet: netip.MustParsePrefix("10.77.0.0/24"), Server: us, File: path})
		var broken *FileError
		require.ErrorAs(t, err, &broken, content)
		require.Equal(t, path, broken.Path)
		require.ErrorContains(t, err, want)
		require.Contains(t, broken.Hint(), "mv "+path+" "+path+".broken")
	}
}

func TestAddressIsNotGivenWhenItCantBeWrittenDown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	b := newBench(t, func(c *Config) { c.File = filepath.Join(dir, "leases.json") })
	offer := b.discover(one, none)
	got := b.ask(Query{Kind: Request, MAC: one, Requested: offer.Address, Chosen: us})
	require.Contains(t, got.Silent, "10.77.0.100 could not be written down: write lease file "+dir)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.Equal(t, offer.Address, b.take(one, none), "firmware asks again")
}

// held is what machines believe: whose an address is until when.
type held struct {
	mac   string
	until time.Time
}

// Whatever machines say and whenever the server is killed, no address belongs to two machines at a time.
func TestNoAddressHasTwoMachines(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		path := filepath.Join(dir, "leases.json")
		_ = os.Remove(path) // of the run before
		config := func(c *Config) { c.File, c.Excluded = path, []netip.Addr{ip("10.77.0.102")} }
		b := newBench(t, config)
		machines := []net.HardwareAddr{one, two, three, {2, 0, 0, 0, 0, 4}}
		address := rapid.SampledFrom([]netip.Addr{
			none, ip("10.77.0.100"), ip("10.77.0.101"), ip("10.77.0.102"), ip("10.77.0.9"), us, ip("10.78.0.1"),
		})
		holders := map[netip.Addr]held{}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			if rapid.IntRange(0, 9).Draw(r, "restart") == 0 {
				now := b.now
				b = newBench(t, config)
				b.now = now
			}
			b.now = b.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 59, 61, 1800, 3600}).Draw(r, "wait")) * time.Second)
			q := Query{
				Kind: rapid.SampledFrom([]Kind{Discover, Request, Request, Request, Decline, Release, Inform}).Draw(r, "kind"),
				MAC:  rapid.SampledFrom(machines).Draw(r, "mac"), Requested: address.Draw(r, "requested"),
				Client: address.Draw(r, "client"), Chosen: rapid.SampledFrom([]netip.Addr{none, us, ip("10.77.0.1")}).Draw(r, "chosen"),
				Fixed: rapid.SampledFrom([]netip.Addr{none, none, ip("10.77.0.102"), ip("10.77.0.9"), ip("10.77.0.100")}).Draw(r, "fixed"),
			}
			o := b.ask(q)
			mine := func(a netip.Addr) bool { return holders[a].mac == q.MAC.String() }
			switch {
			case q.Kind == Release && mine(q.Client):
				delete(holders, q.Client)
			case q.Kind == Decline && mine(q.Requested):
				delete(holders, q.Requested)
			case o.Address.IsValid() && q.Kind != Inform:
				other := holders[o.Address]
				if other.mac != "" && !mine(o.Address) && b.now.Before(other.until) {
					r.Fatalf("%s got %s, which %s has until %s", q.MAC, o.Address, other.mac, other.until)
				}
				if !b.config.Subnet.Contains(o.Address) || o.Address == us {
					r.Fatalf("%s got %s", q.MAC, o.Address)
				}
				if o.Address == ip("10.77.0.102") && q.Fixed != o.Address {
					r.Fatalf("%s got the reserved %s", q.MAC, o.Address)
				}
				if q.Kind == Request {
					holders[o.Address] = held{q.MAC.String(), b.now.Add(o.Time)}
				}
			}
		}
	})
}

// storm has machines ask and take at once, as the DHCP server's goroutines let them.
func storm(t testing.TB, b *bench, machines int) {
	t.Helper()
	var all sync.WaitGroup
	next := make(chan net.HardwareAddr)
	for range 64 {
		all.Go(func() {
			for mac := range next {
				offer := b.Answer(t.Context(), Query{Kind: Discover, MAC: mac})
				got := b.Answer(t.Context(), Query{Kind: Request, MAC: mac, Requested: offer.Address, Chosen: us})
				if !got.Address.IsValid() || got.Address != offer.Address {
					t.Errorf("%s: offered %+v, got %+v", mac, offer, got)
				}
			}
		})
	}
	for i := range machines {
		next <- net.HardwareAddr(binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(i)))
	}
	close(next)
	all.Wait()
}

func large(path string) func(*Config) {
	return func(c *Config) {
		c.Subnet, c.File = netip.MustParsePrefix("10.77.0.0/16"), path
		c.First, c.Last = ip("10.77.1.0"), ip("10.77.255.254")
	}
}

func TestStormOfMachinesIsWrittenDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.json")
	b := newBench(t, large(path))
	start := time.Now()
	storm(t, b, 500)
	t.Logf("500 machines took their addresses in %s", time.Since(start))
	require.Len(t, b.Leases(), 500)
	require.Equal(t, b.Leases(), newBench(t, large(path)).Leases())
}

// One iteration is a site of 500 machines switched on at once, with an empty lease file.
func BenchmarkStorm(b *testing.B) {
	for i := range b.N {
		bench := newBench(b, large(filepath.Join(b.TempDir(), "leases.json")))
		storm(b, bench, 500)
		if i == 0 {
			b.ReportMetric(500, "machines/op")
		}
	}
}

// One iteration is the question of a machine that finds a large pool full.
func BenchmarkFullPool(b *testing.B) {
	bench := newBench(b, large(""))
	for i := range 1 << 16 {
		bench.Answer(b.Context(), Query{Kind: Discover, MAC: binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(i))})
	}
	for b.Loop() {
		if o := bench.Answer(b.Context(), Query{Kind: Discover, MAC: one}); o.Silent == "" {
			b.Fatal(o)
		}
	}
}
