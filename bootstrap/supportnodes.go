// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

const (
	// supportNodesAtOnce bounds how many nodes are collected from side by side: each may hold a file of 16 MiB in memory.
	supportNodesAtOnce = 4
	// supportNodeTimeout bounds one node. A healthy one takes seconds.
	supportNodeTimeout = 3 * time.Minute
)

// SupportNode is one node of the site as a support bundle found it.
type SupportNode struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Address string `json:"address"`
	// State is maintenance, ours, foreign or unreachable. Only the first two are asked for more.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Files counts what the node gave.
	Files int `json:"files"`
}

// collectNodes looks at every node first, and then collects from those that answer and are ours or nobody's. Without
// readable secrets nobody can tell a foreign machine from one of ours, so that configured ones are left alone.
func (b *bringup) collectNodes(ctx context.Context, a *supportArchive, secretsErr error, say func(string)) []SupportNode {
	say(fmt.Sprintf("looking at %d nodes", len(b.site.Nodes)))
	seen, _ := b.observeNodes(ctx, b.site.Nodes, true, b.creds) // the errors are in what was seen of each node
	out := make([]SupportNode, len(b.site.Nodes))
	group := errgroup.Group{}
	group.SetLimit(supportNodesAtOnce)
	for i, node := range b.site.Nodes {
		group.Go(func() error {
			machine := seen[node.Name]
			out[i] = supportNode(node, machine, secretsErr)
			if machine.trouble != nil || machine.state != talos.Ours && machine.state != talos.Maintenance {
				say(fmt.Sprintf("%s is %s: nothing is collected from it", node.Name, out[i].State))
				return nil //nolint:nilerr // it is in the node's record
			}
			say(fmt.Sprintf("collecting from %s, which is %s", node.Name, out[i].State))
			out[i].Files = b.collectNode(ctx, a, node, machine)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out
}

func supportNode(node site.Node, machine sight, secretsErr error) SupportNode {
	out := SupportNode{Name: node.Name, Role: node.Role, Address: node.Address.String(), State: string(machine.state)}
	if machine.addr.IsValid() {
		out.Address = machine.addr.Addr().String()
	}
	switch {
	case machine.state == talos.Foreign && secretsErr != nil:
		out.State, out.Reason = "configured", "whose it is can't be told without the cluster's secrets: "+secretsErr.Error()
	case machine.trouble != nil:
		out.Reason = machine.trouble.Error()
	case machine.state == talos.Unreachable:
		out.Reason = "nobody answers who can be taken for it"
	}
	return out
}

// collectNode puts what one node tells into the bundle, and says how many files that is.
func (b *bringup) collectNode(ctx context.Context, a *supportArchive, node site.Node, machine sight) int {
	ctx, cancel := context.WithTimeoutCause(ctx, supportNodeTimeout, errors.New("the time for one node is over"))
	defer cancel()
	below := path.Join("nodes", node.Name)
	client, err := b.dialSeen(ctx, node, machine)
	if err != nil {
		a.addBytes(below, nil, err)
		return 0
	}
	defer client.Close()
	inventory, err := client.Inventory(ctx)
	a.addJSON(path.Join(below, "inventory.json"), machineView(inventory), err)
	var files atomic.Int64
	err = client.Collect(ctx, func(f talos.Found) {
		part := SupportPart{Path: path.Join(below, f.Path), State: PartWritten}
		switch {
		case f.Err != nil && (f.Withheld || machine.state == talos.Maintenance && f.Path == "kubernetes-logs"): // nothing runs them
			part.State, part.Reason = PartWithheld, f.Err.Error()
		case f.Err != nil:
			part.State, part.Reason = PartFailed, f.Err.Error()
		case f.Data == nil:
			return
		case f.Cut:
			part.State = PartCut
		}
		if f.Data != nil {
			files.Add(1)
		}
		a.add(part, f.Data)
	})
	if err != nil {
		a.addBytes(path.Join(below, "rest"), nil, err)
	}
	return int(files.Load())
}

// dialSeen connects to a node as it was seen.
func (b *bringup) dialSeen(ctx context.Context, node site.Node, machine sight) (*talos.Client, error) {
	if machine.state == talos.Maintenance {
		return talos.DialMaintenance(ctx, machine.addr, machine.fingerprint)
	}
	return b.dial(ctx, node)
}
