// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// Nodes looks at the named nodes of a site, or at all of them and at the machines with Talos on the node network that are of
// none, without changing anything. A site whose secrets are not
// there yet has no node that is ours.
func Nodes(ctx context.Context, o Options, only ...string) ([]NodeView, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return nil, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return nil, err
	}
	nodes := b.site.Nodes
	if len(only) > 0 {
		nodes = nil
	}
	for _, name := range only {
		node, err := nodeOf(b.site, name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	views, err := b.viewNodes(ctx, nodes)
	if err != nil || len(only) > 0 {
		return views, err
	}
	return append(views, b.viewStrangers(views)...), nil
}

// MachineAt looks at whoever answers at an address, of the site or not, without changing anything.
func MachineAt(ctx context.Context, o Options, addr netip.Addr) (NodeView, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return NodeView{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return NodeView{}, err
	}
	for _, node := range b.site.Nodes {
		if node.Address == addr {
			views, err := b.viewNodes(ctx, []site.Node{node})
			if err != nil {
				return NodeView{}, err
			}
			return views[0], nil
		}
	}
	seen, names := b.inspect(ctx, netip.AddrPortFrom(addr, talos.Port))
	if len(names) != 1 {
		return viewStranger(seen, names), ctx.Err()
	}
	node, err := nodeOf(b.site, names[0])
	if err != nil {
		return NodeView{}, err
	}
	return b.viewNode(ctx, node, seen), ctx.Err()
}

// viewStrangers are the machines of no node that the last scan found, but for those that nodes turned out to be meanwhile.
func (b *bringup) viewStrangers(views []NodeView) []NodeView {
	var out []NodeView
	for _, seen := range b.finder.strangers() {
		at := seen.addr.Addr().String()
		if !slices.ContainsFunc(views, func(v NodeView) bool { return v.Address == at }) {
			out = append(out, viewStranger(seen, nil))
		}
	}
	return out
}

// viewStranger describes a machine that is of no node, or may be of several.
func viewStranger(seen sight, names []string) NodeView {
	out := NodeView{
		Stranger: true, State: string(seen.state), Address: seen.addr.Addr().String(), Fingerprint: seen.fingerprint,
	}
	if seen.trouble != nil {
		out.Reason = seen.trouble.Error()
	}
	if len(names) > 1 {
		out.Reason = "it may be any of " + strings.Join(names, ", ") + ": they can't be told apart"
	}
	if seen.state == talos.Maintenance && seen.trouble == nil {
		machine := machineView(seen.inventory)
		out.Machine = &machine
	} else {
		out.Fingerprint = ""
	}
	return out
}

// Faults joins the faults of nodes: nil if there are none.
func Faults(nodes []NodeView) error {
	var errs []error
	for _, node := range nodes {
		errs = append(errs, node.fault)
	}
	return errors.Join(errs...)
}

func (b *bringup) viewNodes(ctx context.Context, nodes []site.Node) ([]NodeView, error) {
	creds, err := b.credentials()
	if none := (*NoSecretsError)(nil); err != nil && !errors.As(err, &none) {
		return nil, err
	}
	// The error is in what was seen of each node.
	seen, _ := b.observeNodes(ctx, nodes, true, creds)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]NodeView, len(nodes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range nodes {
		group.Go(func() error {
			out[i] = b.viewNode(ctx, node, seen[node.Name])
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out, nil
}

func (b *bringup) viewNode(ctx context.Context, node site.Node, seen sight) NodeView {
	out := NodeView{Name: node.Name, Role: node.Role, State: string(seen.state), Address: node.Address.String()}
	if seen.addr.IsValid() {
		out.Address = seen.addr.Addr().String()
	}
	var inventory talos.Inventory
	err := seen.trouble
	switch {
	case err != nil:
	case seen.state == talos.Maintenance:
		out.Fingerprint, inventory = seen.fingerprint, seen.inventory
	case seen.state == talos.Ours:
		inventory, err = b.inventoryOf(ctx, node)
	default:
		return out
	}
	if err != nil {
		out.Reason = err.Error()
		return out
	}
	machine := machineView(inventory)
	out.Machine = &machine
	out.fault = assertSecureBoot(b.site, node, inventory.Security)
	if seen.state == talos.Maintenance {
		journal, err := b.dir.Journal()
		if err == nil {
			_, err = planFor(journal, node, inventory)
		}
		out.fault = errors.Join(out.fault, err)
	}
	if out.fault != nil {
		out.Fault = out.fault.Error()
	}
	return out
}

func (b *bringup) inventoryOf(ctx context.Context, node site.Node) (talos.Inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return talos.Inventory{}, err
	}
	defer client.Close()
	return client.Inventory(ctx)
}
