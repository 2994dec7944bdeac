// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"

	"github.com/siderolabs/crypto/x509"
)

// Peers is what the nodes of one LAN know of each other. It stands in for Talos's discovery service, for trustd, for the
// connections between etcd members, and for the election of who holds a virtual address. The zero value is ready.
type Peers struct {
	mu      sync.Mutex
	nodes   []*node
	changed chan struct{} // closed and replaced at each change
	etcds   uint64        // clusters made so far
	holders map[vipKey]*node
}

// node is a running, configured machine. Its fields are guarded by Peers.mu.
type node struct {
	name         string
	address      netip.Addr
	controlPlane bool
	cluster      string // the Talos cluster's ID
	token        string // of trustd
	machineCA    *x509.PEMEncodedCertificateAndKey
	etcdCA       []byte

	etcd       *member // set while etcd runs
	kubernetes bool    // its control plane's API answers
}

// vipKey tells the holders of the same address in two etcd clusters apart: each cluster elects its own.
type vipKey struct {
	etcd uint64
	vip  netip.Addr
}

// update changes something and wakes those who wait for it.
func (p *Peers) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	change()

	if p.changed != nil {
		close(p.changed)
	}

	p.changed = make(chan struct{})
}

// wait returns when the condition holds, or with the context's cause. The condition is called with the lock held.
func (p *Peers) wait(ctx context.Context, condition func() bool) error {
	for {
		p.mu.Lock()
		if p.changed == nil {
			p.changed = make(chan struct{})
		}

		holds, changed := condition(), p.changed
		p.mu.Unlock()

		if holds {
			return nil
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *Peers) join(n *node) {
	p.update(func() { p.nodes = append(p.nodes, n) })
}

// leave removes a node that went down, with what it held.
func (p *Peers) leave(n *node) {
	p.update(func() {
		p.nodes = slices.DeleteFunc(p.nodes, func(other *node) bool { return other == n })
		p.release(n)
	})
}

// release gives back the addresses that a node holds. Call it with the lock held.
func (p *Peers) release(n *node) {
	for key, holder := range p.holders {
		if holder == n {
			delete(p.holders, key)
		}
	}
}

// certify is trustd: a running control plane with the same machine CA signs for a worker that knows the token. It waits
// until there is one.
func (p *Peers) certify(ctx context.Context, worker *node, names []string, addresses []netip.Addr) (tls.Certificate, error) {
	var authority *x509.PEMEncodedCertificateAndKey

	err := p.wait(ctx, func() bool {
		for _, n := range p.nodes {
			if n.controlPlane && n.token == worker.token && bytes.Equal(n.machineCA.Crt, worker.machineCA.Crt) {
				authority = n.machineCA

				return true
			}
		}

		return false
	})
	if err != nil {
		return tls.Certificate{}, err
	}

	return sign(authority, names, addresses)
}

// discover is the etcd cluster that a node would join: that of the running member with the lowest address. Call it with
// the lock held.
func (p *Peers) discover(n *node) *etcdCluster {
	var (
		found  *etcdCluster
		lowest netip.Addr
	)

	for _, other := range p.nodes {
		if other.etcd == nil || !bytes.Equal(other.etcdCA, n.etcdCA) {
			continue
		}

		if found == nil || other.address.Less(lowest) {
			found, lowest = other.etcd.cluster, other.address
		}
	}

	return found
}

// kubernetesAnswers tells whether a control plane of the node's cluster serves the Kubernetes API. Call it with the lock
// held.
func (p *Peers) kubernetesAnswers(n *node) bool {
	return slices.ContainsFunc(p.nodes, func(other *node) bool {
		return other.kubernetes && other.cluster == n.cluster
	})
}

// holdVIP waits until nobody else of the etcd cluster holds the address, and holds it until the node leaves.
func (p *Peers) holdVIP(ctx context.Context, n *node, vip netip.Addr) error {
	return p.wait(ctx, func() bool {
		if n.etcd == nil {
			return false // it left the cluster that elects
		}

		key := vipKey{etcd: n.etcd.cluster.id, vip: vip}
		if p.holders[key] != nil {
			return p.holders[key] == n
		}

		if p.holders == nil {
			p.holders = map[vipKey]*node{}
		}

		p.holders[key] = n

		return true
	})
}
