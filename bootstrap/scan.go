// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
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
	found map[string]netip.Addr // by node
}

func (f *finder) addr(node string) (netip.Addr, bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	addr, ok := f.found[node]
	return addr, ok
}

// due says whether it is time for a scan, and takes it for begun.
func (f *finder) due() bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.last.IsZero() && time.Since(f.last) < scanEvery {
		return false
	}
	f.last = time.Now()
	return true
}

func (f *finder) put(node string, addr netip.Addr) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.found == nil {
		f.found = map[string]netip.Addr{}
	}
	f.found[node] = addr
}

// scan looks for the site's machines at all addresses of the node network: those that were started before this run, by an
// earlier one that was killed or by somebody else, have an address of the site's DHCP server that nobody told us.
func (b *bringup) scan(ctx context.Context) {
	subnet := b.site.Network.NodeSubnet.Masked()
	if subnet.Bits() < scanBits || !subnet.Addr().Is4() {
		b.log.Debug("the node network is too large to be scanned", "subnet", subnet)
		return
	}
	known := addresses(b.site.Nodes)
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

// identify notes which node of the site a machine in maintenance mode is, if it is one.
func (b *bringup) identify(ctx context.Context, addr netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	at := netip.AddrPortFrom(addr, talos.Port)
	answer, err := talos.Probe(ctx, at, nil)
	if err != nil || answer.State != talos.Maintenance {
		return
	}
	client, err := talos.DialMaintenance(ctx, at, answer.Fingerprint)
	if err != nil {
		return
	}
	defer client.Close()
	inventory, err := client.Inventory(ctx)
	if err != nil {
		b.log.Debug("a machine in maintenance mode does not say who it is", "addr", addr, "error", err)
		return
	}
	for _, node := range b.site.Nodes {
		if isNode(node, inventory) == nil {
			b.finder.put(node.Name, addr)
		}
	}
}
