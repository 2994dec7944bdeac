// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// awaitSteady waits at the gate between two steps on a running site.
func (b *bringup) awaitSteady(ctx context.Context, say phase.Say, nodes []site.Node) error {
	return b.await(ctx, say, "the site to be well again", askTimeout, func(ctx context.Context) error {
		return b.assertSteady(ctx, nodes, siteWell())
	})
}

// assertSteady is the gate: the checks hold for all control planes and for the given nodes. The cheap question to the Kubernetes
// API comes first, for it is asked twice a second.
func (b *bringup) assertSteady(ctx context.Context, nodes []site.Node, checks []nodeCheck) error {
	gated := slices.DeleteFunc(b.inOrder(), func(n site.Node) bool {
		return n.Role != site.ControlPlane && !contains(nodes, n.Name)
	})
	client, err := b.kube()
	if err != nil {
		return err
	}
	if err := client.AssertReady(ctx, names(gated)); err != nil {
		return err
	}
	return b.assertGate(ctx, gated, checks)
}

// eachNode does something with nodes side by side, and joins the errors in the nodes' order.
func (b *bringup) eachNode(nodes []site.Node, do func(site.Node) error) error {
	errs := make([]error, len(nodes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range nodes {
		group.Go(func() error {
			errs[i] = do(node)
			return nil
		})
	}
	_ = group.Wait() // errors are kept by node
	return errors.Join(errs...)
}

// systems reads what runs on nodes, by name.
func (b *bringup) systems(ctx context.Context, nodes []site.Node) (map[string]talos.System, error) {
	var lock sync.Mutex
	out := make(map[string]talos.System, len(nodes))
	err := b.eachNode(nodes, func(node site.Node) error {
		system, err := b.system(ctx, node)
		if err != nil {
			return fmt.Errorf("%s: %w", node.Name, err)
		}
		lock.Lock()
		defer lock.Unlock()
		out[node.Name] = system
		return nil
	})
	return out, err
}

func (b *bringup) system(ctx context.Context, node site.Node) (talos.System, error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return talos.System{}, err
	}
	defer client.Close()
	return client.System(ctx)
}

// componentsOf reads which versions of Kubernetes's parts a node's config names.
func (b *bringup) componentsOf(ctx context.Context, node site.Node) (talos.Components, error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Components(ctx)
}

// assertOurs checks that every node of the site answers as ours; a foreign one is named.
func (b *bringup) assertOurs(ctx context.Context, nodes []site.Node) error {
	creds, err := b.credentials()
	if err != nil {
		return err
	}
	seen, err := b.observeNodes(ctx, nodes, false, creds)
	if err != nil {
		return err
	}
	var missing []string
	for _, node := range nodes {
		if seen[node.Name].state != talos.Ours {
			missing = append(missing, node.Name)
		}
	}
	if len(missing) > 0 {
		return &AbsentNodesError{Nodes: missing}
	}
	return nil
}

// inOrder gives the site's nodes as they are worked on one by one: control planes first.
func (b *bringup) inOrder() []site.Node {
	out := b.controlPlanes()
	for _, node := range b.site.Nodes {
		if node.Role != site.ControlPlane {
			out = append(out, node)
		}
	}
	return out
}
