// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/talos"
)

const (
	// scanEvery is the pause between two scans: machines that netboot from us are seen without any.
	scanEvery = 30 * time.Second
	// scanTimeout is how long one address may take to answer: on a local network more means that nobody is there.
	scanTimeout = time.Second
	// scanAtOnce stays below the kernel's table of neighbours, which holds 1024 (net.ipv4.neigh.default.gc_thresh3).
	scanAtOnce = 512
	// scanBits is the shortest prefix that is scanned: two thousand addresses take four seconds.
	scanBits = 21
)

// finder remembers where machines in maintenance mode were found. It is a hint: who is there is asked each time.
type finder struct {
	lock  sync.Mutex
	last  time.Time
	found map[string][]netip.Addr // by node, the last one found first: two machines may say to be one node
	// others are machines with Talos that are of no node of the site, by address, as of the last scan.
	others map[netip.Addr]sight
}

func (f *finder) addrs(node string) []netip.Addr {
	f.lock.Lock()
	defer f.lock.Unlock()
	return slices.Clone(f.found[node])
}

// due says whether it is time for a scan, and takes it for begun.
func (f *finder) due() bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.last.IsZero() && time.Since(f.last) < scanEvery {
		return false
	}
	f.last = time.Now()
	f.others = map[netip.Addr]sight{}
	return true
}

func (f *finder) put(node string, addr netip.Addr) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.found == nil {
		f.found = map[string][]netip.Addr{}
	}
	others := slices.DeleteFunc(f.found[node], func(known netip.Addr) bool { return known == addr })
	f.found[node] = append([]netip.Addr{addr}, others...)
}

// putOther notes a machine that is of no node.
func (f *finder) putOther(seen sight) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.others[seen.addr.Addr()] = seen
}

// strangers are the machines of no node, by address.
func (f *finder) strangers() []sight {
	f.lock.Lock()
	defer f.lock.Unlock()
	return slices.SortedFunc(maps.Values(f.others), func(a, b sight) int { return a.addr.Compare(b.addr) })
}

// scan looks for the site's machines at all addresses of the node network: those that were started before this run, by an
// earlier one that was killed or by somebody else, have an address of the site's DHCP server that nobody told us.
func (b *bringup) scan(ctx context.Context) {
	subnet := b.site.Network.NodeSubnet.Masked()
	if subnet.Bits() < scanBits || !subnet.Addr().Is4() {
		b.log.Debug("the node network is too large to be scanned", "subnet", subnet)
		return
	}
	known := append(addresses(b.site.Nodes), b.site.Network.VIP.String())
	group := errgroup.Group{}
	group.SetLimit(scanAtOnce)
	for addr := subnet.Addr().Next(); subnet.Contains(addr); addr = addr.Next() {
		if slices.Contains(known, addr.String()) {
			continue
		}
		group.Go(func() error {
			if hasTalos(ctx, addr, scanTimeout) {
				b.identify(ctx, addr)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
}

// hasTalos says whether somebody accepts connections on the Talos port of an address.
func hasTalos(ctx context.Context, addr netip.Addr, patience time.Duration) bool {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, talos.Port).String())
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// identify notes which node of the site a machine in maintenance mode is. Machines that are of no node are noted too, with
// what they let anybody see.
func (b *bringup) identify(ctx context.Context, addr netip.Addr) {
	seen, names := b.inspect(ctx, netip.AddrPortFrom(addr, talos.Port))
	if seen.state == talos.Unreachable {
		return
	}
	for _, name := range names {
		b.finder.put(name, addr)
	}
	if len(names) == 0 {
		b.finder.putOther(seen)
	}
}

// inspect looks at whoever answers at an address, and says which nodes of the site it may be by what it tells. A machine that
// is configured is not asked who it is.
func (b *bringup) inspect(ctx context.Context, at netip.AddrPort) (sight, []string) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	creds, err := b.credentials()
	if err != nil {
		creds = nil // there is no cluster yet: whoever is configured is foreign
	}
	answer, err := talos.Probe(ctx, at, creds)
	seen := sight{state: answer.State, addr: at, fingerprint: answer.Fingerprint, trouble: err}
	if seen.state != talos.Maintenance {
		return seen, nil
	}
	client, err := talos.DialMaintenance(ctx, at, answer.Fingerprint)
	if err != nil {
		seen.trouble = err
		return seen, nil
	}
	defer client.Close()
	if seen.inventory, seen.trouble = client.Inventory(ctx); seen.trouble != nil {
		b.log.Debug("a machine in maintenance mode does not say who it is", "addr", at, "error", seen.trouble)
		return seen, nil
	}
	var names []string
	for _, node := range b.site.Nodes {
		if isNode(node, seen.inventory) == nil {
			names = append(names, node.Name)
		}
	}
	return seen, names
}
