// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// Status is how a site is now. What could not be asked says why in its own field, so that one dead part does not hide
// the others.
type Status struct {
	Site     string          `json:"site"`
	Bundle   string          `json:"bundle"`
	Nodes    []NodeStatus    `json:"nodes"`
	Packages []PackageStatus `json:"packages"`
	// Root is the root tenant.
	Root RootStatus `json:"tenantRoot"`
	// Healthy says that every node, package and the root tenant are as they should be.
	Healthy bool `json:"healthy"`
}

// NodeStatus is one node, as Talos and Kubernetes see it.
type NodeStatus struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Address string `json:"address"`
	// Talos is unreachable, maintenance, foreign, or the stage that the node itself reports.
	Talos string `json:"talos"`
	// Ready is Kubernetes's word, and Reason why not.
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// PackageStatus is one package of the bundle.
type PackageStatus struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// State is absent, waiting, installing, failed, stalled, ready, present or unknown.
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// RootStatus is the root tenant.
type RootStatus struct {
	Host   string `json:"host"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Look observes a site without changing anything.
func Look(ctx context.Context, o Options) (Status, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return Status{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return Status{}, err
	}
	out := Status{Site: o.Site.Metadata.Name, Bundle: o.Site.Bundle}
	client, clusterErr := b.kube()
	if clusterErr == nil {
		clusterErr = client.AssertAnswering(ctx)
	}
	out.Nodes = b.nodeStatuses(ctx, client, clusterErr)
	out.Packages = b.packageStatuses(ctx, client, clusterErr)
	out.Root = b.rootStatus(ctx, clusterErr)
	out.Healthy = out.Root.Ready
	for _, n := range out.Nodes {
		out.Healthy = out.Healthy && n.Ready
	}
	for _, p := range out.Packages {
		out.Healthy = out.Healthy && p.Ready
	}
	return out, nil
}

func (b *bringup) nodeStatuses(ctx context.Context, client *kube.Client, clusterErr error) []NodeStatus {
	states := map[string]kube.NodeState{}
	if clusterErr == nil {
		var list []kube.NodeState
		list, clusterErr = client.NodeStates(ctx)
		for _, s := range list {
			states[s.Name] = s
		}
	}
	creds, credsErr := b.credentials()
	out := make([]NodeStatus, len(b.site.Nodes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range b.site.Nodes {
		group.Go(func() error {
			stage := "unknown: " + fmt.Sprint(credsErr)
			if credsErr == nil {
				stage = b.stage(ctx, node, creds)
			}
			out[i] = nodeStatus(node, stage, states, clusterErr)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out
}

func nodeStatus(node site.Node, stage string, states map[string]kube.NodeState, clusterErr error) NodeStatus {
	out := NodeStatus{Name: node.Name, Role: node.Role, Address: node.Address.String(), Talos: stage}
	state, known := states[node.Name]
	switch {
	case clusterErr != nil:
		out.Reason = clusterErr.Error()
	case !known:
		out.Reason = "not registered in Kubernetes"
	default:
		out.Ready, out.Reason = state.Ready, state.Reason
	}
	return out
}

// stage is what Talos on the node says it is doing, or how it answers if it does not talk to us.
func (b *bringup) stage(ctx context.Context, node site.Node, creds *talos.Credentials) string {
	seen, err := b.look(ctx, node, creds)
	switch {
	case err != nil && seen.state != talos.Foreign:
		return "unknown: " + err.Error()
	case seen.state != talos.Ours:
		return string(seen.state)
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return err.Error()
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return err.Error()
	}
	return string(status.Stage)
}

func (b *bringup) rootStatus(ctx context.Context, clusterErr error) RootStatus {
	out := RootStatus{Host: b.site.Domain}
	err := clusterErr
	if err == nil {
		err = b.assertTenantRoot(ctx)
	}
	if out.Ready = err == nil; err != nil {
		out.Reason = fmt.Sprint(err)
	}
	return out
}
