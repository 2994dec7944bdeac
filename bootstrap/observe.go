// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

const (
	// nodesAtOnce bounds how many nodes are talked to side by side.
	nodesAtOnce = 32
	// lookTimeout bounds one look at one node: it is silent while it reboots.
	lookTimeout = 10 * time.Second
	// knockTimeout is how long a node may take to accept a connection: the kernel tries again after one second. Hundreds
	// of nodes that are all silent are looked at in this time, and one that is back is seen soon.
	knockTimeout = 1500 * time.Millisecond
	// knocksAtOnce stays below the kernel's table of neighbours, as scanAtOnce does.
	knocksAtOnce = 512
)

// sight is what was seen of a node: where it answers and how.
type sight struct {
	state       talos.State
	addr        netip.AddrPort
	fingerprint string
	inventory   talos.Inventory // of a machine in maintenance mode
	trouble     error           // why a node that answers is not to be had
}

// observe looks at every node of the site, side by side. A node that does not answer is in the result as unreachable. An
// error beside the result names nodes that answer and are not to be had: a foreign one, one that refuses us. The node
// network is scanned from time to time for machines in maintenance mode at addresses nobody told us.
func (b *bringup) observe(ctx context.Context) (map[string]sight, error) {
	return b.observeSome(ctx, b.nodes())
}

// observeSome looks at some nodes of the site.
func (b *bringup) observeSome(ctx context.Context, nodes []site.Node) (map[string]sight, error) {
	creds, err := b.credentials()
	if err != nil {
		return nil, err
	}
	seen, err := b.observeNodes(ctx, nodes, true, creds)
	return seen, errors.Join(err, b.noteInstalled(ctx, seen), b.noteResets(ctx, seen))
}

func (b *bringup) observeNodes(ctx context.Context, nodes []site.Node, search bool, creds *talos.Credentials) (map[string]sight, error) {
	var scanning sync.WaitGroup
	if search && b.finder.due() {
		scanning.Go(func() { b.scan(ctx) })
	}
	out, err := b.lookForAll(ctx, nodes, creds, nil)
	scanning.Wait()
	var found []site.Node
	for _, node := range nodes {
		if len(b.finder.addrs(node.Name)) > 0 && out[node.Name].state == talos.Unreachable {
			found = append(found, node)
		}
	}
	again, againErr := b.lookForAll(ctx, found, creds, nil)
	maps.Copy(out, again)
	return out, errors.Join(err, againErr)
}

// lookForAll looks at nodes side by side. Each one that was seen is told to told, which may end the context; nil tells nobody.
func (b *bringup) lookForAll(ctx context.Context, nodes []site.Node, creds *talos.Credentials, told func(sight)) (map[string]sight, error) {
	var lock sync.Mutex
	out := make(map[string]sight, len(nodes))
	var errs []error
	group := errgroup.Group{}
	group.SetLimit(knocksAtOnce)
	for _, node := range nodes {
		group.Go(func() error {
			seen, err := b.look(ctx, node, creds)
			seen.trouble = err
			lock.Lock()
			defer lock.Unlock()
			out[node.Name] = seen
			if seen.state == talos.Ours {
				b.netboot.installed(node.Name)
			}
			if err != nil {
				errs = append(errs, &NodeError{Node: node.Name, Err: err})
			}
			if told != nil {
				told(seen)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: they are collected, so that one node does not hide another
	return out, errors.Join(errs...)
}

// look finds a node at its own address, where it answers once it has its config, or else where it netbooted from. Both are
// asked at once, and the first that can tell ends the look: an address that nobody has is silent for seconds.
func (b *bringup) look(ctx context.Context, node site.Node, creds *talos.Credentials) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var once sync.Once
	found, foundErr := sight{state: talos.Unreachable}, error(nil)
	var looking sync.WaitGroup
	for _, addr := range b.candidates(node) {
		looking.Go(func() {
			if seen, err := b.lookAt(ctx, node, addr, creds); seen.state != talos.Unreachable {
				once.Do(func() {
					found, foundErr = seen, err
					cancel()
				})
			}
		})
	}
	looking.Wait()
	return found, foundErr
}

// lookAt looks at one address. A machine there that is not the node is nobody, and so is one whose identity it will not
// tell.
func (b *bringup) lookAt(ctx context.Context, node site.Node, addr netip.AddrPort, creds *talos.Credentials) (sight, error) {
	if !hasTalos(ctx, addr.Addr(), knockTimeout) {
		return sight{state: talos.Unreachable}, nil
	}
	b.turns <- struct{}{} // a look takes less than lookTimeout
	defer func() { <-b.turns }()
	answer, err := talos.Probe(ctx, addr, creds)
	seen := sight{state: answer.State, addr: addr, fingerprint: answer.Fingerprint}
	switch answer.State {
	case talos.Foreign:
		return seen, &ForeignNodeError{Node: node.Name, Addr: addr}
	case talos.Ours:
		return seen, err // it may be ours and yet refuse us
	case talos.Maintenance:
		if b.given[node.Name] == seen.fingerprint {
			return seen, nil // it was recognised when it took its config, in this boot, and only its end is waited for
		}
		if seen.inventory, err = b.recognise(ctx, node, seen); err == nil {
			return seen, nil
		}
	}
	if err != nil {
		b.log.Debug("nobody there", "node", node.Name, "addr", addr, "reason", err)
	}
	return sight{state: talos.Unreachable}, nil
}

// candidates are the addresses at which a node may answer: its own, where it netbooted from, and where a scan found it.
func (b *bringup) candidates(node site.Node) []netip.AddrPort {
	addrs := append([]netip.Addr{node.Address}, b.netboot.lastAddrs(node.Name)...)
	addrs = append(addrs, b.finder.addrs(node.Name)...)
	slices.SortFunc(addrs, netip.Addr.Compare)
	out := []netip.AddrPort{}
	for _, addr := range slices.Compact(addrs) {
		out = append(out, netip.AddrPortFrom(addr, talos.Port))
	}
	return out
}

// assertSeen checks that every node that the run has not gone on without was seen in one of the wanted states, or is a worker
// that can't be seen yet.
func (b *bringup) assertSeen(seen map[string]sight, what string, want ...talos.State) error {
	var missing []string
	for _, node := range b.expected() {
		if slices.Contains(want, seen[node.Name].state) {
			continue
		}
		if mute, err := b.isMute(node, seen[node.Name]); err != nil {
			return err
		} else if !mute {
			missing = append(missing, node.Name)
		}
	}
	if len(missing) > 0 {
		return &MissingNodesError{What: what, Nodes: missing}
	}
	return nil
}

// allOurs says that every node answers with the cluster's certificates; the first that does not ends the look. What time
// may cure, such as a node whose clock is still wrong, only means that not all do; a site without secrets has no nodes yet.
func (b *bringup) allOurs(ctx context.Context) (bool, error) {
	creds, err := b.credentials()
	if none := (*NoSecretsError)(nil); errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	looking, enough := context.WithCancel(ctx)
	defer enough()
	seen, err := b.lookForAll(looking, b.expected(), creds, func(one sight) {
		if one.state != talos.Ours {
			enough()
		}
	})
	err = errors.Join(err, b.noteInstalled(ctx, seen), b.noteResets(ctx, seen))
	if err == nil {
		err = b.assertSeen(seen, "are not configured", talos.Ours)
	}
	if isFinal(err) {
		return false, err
	}
	return err == nil, ctx.Err()
}

// dial connects to a configured node at its own address.
func (b *bringup) dial(ctx context.Context, node site.Node) (*talos.Client, error) {
	creds, err := b.credentials()
	if err != nil {
		return nil, err
	}
	client, err := talos.Dial(ctx, netip.AddrPortFrom(node.Address, talos.Port), creds)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", node.Name, err)
	}
	return client, nil
}

// dialOnce connects to a configured node, for one use.
func (b *bringup) dialOnce(ctx context.Context, node site.Node) (*talos.Client, func(), error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, nil, err
	}
	return client, func() { _ = client.Close() }, nil
}
