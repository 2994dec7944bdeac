// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// preflight refuses, before anything is written to any machine, what would end badly after it: everything that is wrong is
// said at once. The nodes are those that are about to be given their config. What one machine alone can tell, as of its
// disks, is checked with its dry run, in apply.
func (b *bringup) preflight(ctx context.Context, say phase.Say, nodes []site.Node, seen map[string]sight, open *calls) error {
	if len(nodes) == 0 {
		return nil
	}
	dial := func(ctx context.Context, node site.Node) (*talos.Client, func(), error) {
		client, err := open.to(ctx, node.Name, seen[node.Name])
		return client, func() {}, err // it is needed again
	}
	parts := []func() error{
		func() error { return b.refuseDoubles(ctx, nodes, seen) },
		func() error { return b.refuseTakenAddresses(ctx, nodes, seen) },
		func() error { return b.refuseTakenVIP(ctx, seen) },
		func() error { return b.awaitClocks(ctx, say, nodes, dial) },
	}
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, part := range parts {
		running.Go(func() { errs[i] = part() }) // each waits for the network most of its time
	}
	running.Wait()
	return errors.Join(errs...)
}

// DoubleError says that the site file does not tell two machines, or two nodes, apart.
type DoubleError struct {
	Nodes []string         // one node with two machines, or two nodes with one
	Addrs []netip.AddrPort // where the machines answer
}

func (e *DoubleError) Error() string {
	if len(e.Nodes) > 1 {
		return fmt.Sprintf("the machine at %s fits both %s and %s", e.Addrs[0], e.Nodes[0], e.Nodes[1])
	}
	return fmt.Sprintf("two machines fit node %s: at %s and at %s", e.Nodes[0], e.Addrs[0], e.Addrs[1])
}

// Hint says what tells them apart.
func (e *DoubleError) Hint() string {
	return "serials and UUIDs of cheap boards repeat: give the node's mac in the site file; cozy-install node list shows what each machine tells"
}

// refuseDoubles refuses a machine that is taken for two nodes, and a node for which two machines answer. A fingerprint is
// one boot of one machine.
func (b *bringup) refuseDoubles(ctx context.Context, nodes []site.Node, seen map[string]sight) error {
	var errs []error
	owner := map[string]string{}
	for _, node := range nodes {
		machine := seen[node.Name]
		if other, twice := owner[machine.fingerprint]; twice {
			errs = append(errs, &DoubleError{Nodes: []string{other, node.Name}, Addrs: []netip.AddrPort{machine.addr}})
		}
		owner[machine.fingerprint] = node.Name
		if taker, sent := b.takers[node.Name]; sent && !shareCard(taker.inventory, machine.inventory) {
			errs = append(errs, &DoubleError{Nodes: []string{node.Name}, Addrs: []netip.AddrPort{taker.addr, machine.addr}})
		}
	}
	var lock sync.Mutex
	group := errgroup.Group{}
	group.SetLimit(knocksAtOnce)
	for _, node := range nodes {
		group.Go(func() error {
			if other, ok := b.secondMachine(ctx, node, seen[node.Name]); ok {
				lock.Lock()
				defer lock.Unlock()
				errs = append(errs, &DoubleError{Nodes: []string{node.Name}, Addrs: []netip.AddrPort{seen[node.Name].addr, other}})
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return errors.Join(errs...)
}

// secondMachine looks at the other addresses where a node may answer for another machine that says to be it.
func (b *bringup) secondMachine(ctx context.Context, node site.Node, first sight) (netip.AddrPort, bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, addr := range b.candidates(node) {
		if addr == first.addr || !hasTalos(ctx, addr.Addr(), knockTimeout) {
			continue
		}
		if b.isSecond(ctx, node, addr, first) {
			return addr, true
		}
	}
	return netip.AddrPort{}, false
}

func (b *bringup) isSecond(ctx context.Context, node site.Node, addr netip.AddrPort, first sight) bool {
	b.turns <- struct{}{} // this takes less than lookTimeout
	defer func() { <-b.turns }()
	answer, err := talos.Probe(ctx, addr, nil)
	if err != nil || answer.State != talos.Maintenance || answer.Fingerprint == first.fingerprint {
		return false // nobody, or the same machine at its second address
	}
	_, err = b.recognise(ctx, node, sight{addr: addr, fingerprint: answer.Fingerprint})
	return err == nil
}
