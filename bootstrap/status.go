// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/talos"
)

// Status is how a site is now. What could not be asked says why in its own field, so that one dead part does not hide
// the others.
type Status struct {
	Site   string       `json:"site"`
	Bundle string       `json:"bundle"`
	Nodes  []NodeStatus `json:"nodes"`
	// Checks are those of the cluster as a whole.
	Checks   []CheckResult   `json:"checks"`
	Packages []PackageStatus `json:"packages"`
	// Registry is the bastion's, from which nodes have their images for as long as the site file names it. Nil: it names none.
	Registry *RegistryStatus `json:"registry,omitempty"`
	// Root is the root tenant. Nil: the bundle has no tenants.
	Root *RootStatus `json:"tenantRoot,omitempty"`
	// Healthy says that every node, package and the root tenant are as they should be, and that no check failed or could
	// not be made.
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
	// Checks are the node's row of the health matrix, always all of them and in one order.
	Checks []CheckResult `json:"checks"`
}

// PackageStatus is one package of the bundle.
type PackageStatus struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// State is absent, waiting, installing, failed, stalled, ready, present or unknown.
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
	// Object keeps the package from being ready, and Event is the newest warning about it. Nil: none is known.
	Object *bundles.FailingObject `json:"object,omitempty"`
	Event  *bundles.Warning       `json:"event,omitempty"`
}

// Why is what keeps the package from being ready, the closest cause first. Empty: nothing is known.
func (p PackageStatus) Why() string {
	item := phase.Item{Message: p.Message}
	if p.Object != nil {
		item.Object = p.Object.String()
	}
	if p.Event != nil {
		item.Event = p.Event.String()
	}
	return item.Why()
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
	facts, err := b.examine(ctx, b.site.Nodes, nodeChecks())
	if err != nil {
		return Status{}, err
	}
	out.Healthy = true
	for _, node := range facts.nodes {
		one := facts.nodeStatus(node)
		out.Nodes = append(out.Nodes, one)
		out.Healthy = out.Healthy && one.Ready && allWell(one.Checks)
	}
	registry, registryChecks := b.registryStatus(ctx, facts.cluster.err)
	out.Registry, out.Checks = registry, append(clusterChecks(facts.cluster), registryChecks...)
	out.Packages = b.packageStatuses(ctx, b.cluster, facts.cluster.err)
	out.Healthy = out.Healthy && allWell(out.Checks)
	if b.site.HasTenants() {
		out.Root = b.rootStatus(ctx, facts.cluster.err)
		out.Healthy = out.Healthy && out.Root.Ready
	}
	for _, p := range out.Packages {
		out.Healthy = out.Healthy && p.Ready
	}
	return out, ctx.Err()
}

func (s siteFacts) nodeStatus(facts *nodeFacts) NodeStatus {
	node := facts.node
	out := NodeStatus{
		Name: node.Name, Role: node.Role, Address: node.Address.String(), Talos: facts.stage(), Checks: s.judge(facts, nodeChecks()),
	}
	state, known := s.cluster.health.Nodes[node.Name]
	switch {
	case s.cluster.err != nil:
		out.Reason = s.cluster.err.Error()
	case !known:
		out.Reason = notRegistered
	default:
		out.Ready, out.Reason = state.Ready, state.Reason
	}
	return out
}

// stage is what Talos on the node says it is doing, or how it answers if it does not talk to us.
func (f *nodeFacts) stage() string {
	notOurs := (*notOursError)(nil)
	switch {
	case errors.As(f.deaf, &notOurs):
		return string(notOurs.state)
	case f.seen.state == talos.Foreign:
		return string(talos.Foreign)
	case f.deaf != nil:
		return "unknown: " + f.deaf.Error()
	case f.statusErr != nil:
		return f.statusErr.Error()
	}
	return string(f.status.Stage)
}

func (b *bringup) rootStatus(ctx context.Context, clusterErr error) *RootStatus {
	out := &RootStatus{Host: b.site.Domain}
	err := clusterErr
	if err == nil {
		err = b.assertTenantRoot(ctx)
	}
	if out.Ready = err == nil; err != nil {
		out.Reason = fmt.Sprint(err)
	}
	return out
}
