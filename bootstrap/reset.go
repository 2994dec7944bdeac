// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// ResetOptions say what to wipe, and what was agreed to.
type ResetOptions struct {
	Nodes []string // names; empty: all nodes of the site
	// KeepConfig wipes EPHEMERAL only: the node comes back by itself, without its etcd.
	KeepConfig bool
	AllDisks   bool     // user disks too
	Force      bool     // without draining, and without leaving etcd
	Accept     []string // names of risks
	// Confirm is asked before anything is done, once the risks are accepted. Its error ends the reset. Nil: nobody is asked.
	Confirm func(ResetPlan) error
	// Say is told what is waited for. Nil: nobody listens.
	Say func(format string, args ...any)
}

// ResetResult is what became of each node.
type ResetResult struct {
	Site  string         `json:"site"`
	Nodes []ResetOutcome `json:"nodes"`
	// Ended says that no control plane is left: the next up makes a new, empty cluster with the same secrets.
	Ended bool `json:"ended"`
}

// Outcomes of the reset of a node.
const (
	ResetWiped   = "wiped"   // it was seen again, without what was to be wiped
	ResetNothing = "nothing" // it was in maintenance mode, with nothing of ours to wipe
	ResetUnseen  = "unseen"  // it was asked, and not seen again in time
	ResetFailed  = "failed"  // it was not asked, or refused
)

// ResetOutcome is what became of a node.
type ResetOutcome struct {
	Node   string `json:"node"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	err    error
}

// ResetError names the nodes that were not seen reset.
type ResetError struct {
	Nodes []string
	Err   error
}

func (e *ResetError) Error() string {
	return fmt.Sprintf("not seen reset: %s: %v", strings.Join(e.Nodes, ", "), e.Err)
}

// Unwrap returns the reasons.
func (e *ResetError) Unwrap() error { return e.Err }

// Hint says how to go on.
func (e *ResetError) Hint() string {
	return "run reset again: it goes on with those; one that runs on although it was asked could not be drained or could not leave etcd: talosctl dmesg tells why, and --force does without; one that is reset and has no address needs pxe serve, or the next up"
}

// PlanReset says what Reset would do, and changes nothing. Neither risks nor a confirmation are asked for.
func PlanReset(ctx context.Context, o Options, r ResetOptions) (ResetPlan, error) {
	b, err := reading(o)
	if err != nil {
		return ResetPlan{}, err
	}
	return b.planReset(ctx, r)
}

// Reset wipes nodes of ours and waits until it has seen that they are. The result is returned also with an error.
func Reset(ctx context.Context, o Options, r ResetOptions) (out ResetResult, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return ResetResult{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return ResetResult{}, err
	}
	plan, err := b.planReset(ctx, r)
	if err != nil {
		return ResetResult{}, err
	}
	if err := unaccepted(plan.Risks, r.Accept); err != nil {
		return ResetResult{}, err
	}
	if err := confirmed(r.Confirm, plan); err != nil {
		return ResetResult{}, err
	}
	if r.Say == nil {
		r.Say = func(string, ...any) {}
	}
	out = ResetResult{Site: o.Site.Metadata.Name}
	for _, group := range resetGroups(plan.Nodes) {
		out.Nodes = append(out.Nodes, b.resetGroup(ctx, group, r)...)
		// The next control plane may leave etcd only after this one did.
		if ctx.Err() != nil || group[0].Role == site.ControlPlane && resetFailure(out.Nodes) != nil {
			break
		}
	}
	out.Ended, err = b.ended()
	return out, errors.Join(resetFailure(out.Nodes), err)
}

// planReset looks at the site, and refuses where a node is somebody else's.
func (b *bringup) planReset(ctx context.Context, r ResetOptions) (ResetPlan, error) {
	facts := resetFacts{planes: b.controlPlanes(), states: map[string]talos.State{}, disks: map[string][]string{}}
	for _, name := range r.Nodes {
		node, err := nodeOf(b.site, name)
		if err != nil {
			return ResetPlan{}, err
		}
		facts.chosen = append(facts.chosen, node)
	}
	if len(r.Nodes) == 0 {
		facts.chosen = b.site.Nodes
	}
	seen, err := b.observe(ctx)
	if isFinal(err) {
		return ResetPlan{}, err
	}
	for name, one := range seen {
		facts.states[name] = one.state
	}
	views, err := b.memberViews(ctx)
	if err != nil {
		return ResetPlan{}, err
	}
	facts.voters = voters(views, facts.states)
	for _, node := range facts.chosen {
		if r.AllDisks && facts.states[node.Name] == talos.Ours {
			if facts.disks[node.Name], err = b.userDisks(ctx, node); err != nil {
				return ResetPlan{}, err
			}
		}
	}
	return planReset(b.site.Metadata.Name, facts, r), nil
}

// voters are the members of etcd with a vote, by name, and whether each is healthy. Where no member tells, they may be all
// control planes that can't be asked.
func voters(views []memberView, states map[string]talos.State) map[string]bool {
	out, well := map[string]bool{}, map[string]bool{}
	for _, view := range views {
		well[view.node.Name] = view.trouble() == ""
	}
	for _, view := range views {
		if view.err == nil && len(view.members) > 0 {
			for _, m := range view.members {
				if !m.Learner {
					out[m.Hostname] = well[m.Hostname]
				}
			}
			return out
		}
	}
	for _, view := range views {
		if view.err != nil && states[view.node.Name] != talos.Maintenance {
			out[view.node.Name] = false
		}
	}
	return out
}

func (b *bringup) userDisks(ctx context.Context, node site.Node) ([]string, error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	disks, err := client.UserDisks(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its disks: %w", node.Name, err)
	}
	var paths []string
	for _, disk := range disks {
		paths = append(paths, disk.DevPath)
	}
	return paths, nil
}

// resetGroups are those that go side by side, in their order: workers first, so that there is a control plane to drain
// them; control planes that leave etcd one by one.
func resetGroups(nodes []ResetNode) [][]ResetNode {
	var workers, planes []ResetNode
	var single [][]ResetNode
	for _, node := range nodes {
		switch {
		case node.Role != site.ControlPlane:
			workers = append(workers, node)
		case node.Graceful:
			single = append(single, []ResetNode{node})
		default:
			planes = append(planes, node)
		}
	}
	var groups [][]ResetNode
	for _, group := range append([][]ResetNode{workers}, append(single, planes)...) {
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

func resetFailure(outcomes []ResetOutcome) error {
	var failed ResetError
	var errs []error
	for _, one := range outcomes {
		if one.err != nil {
			failed.Nodes = append(failed.Nodes, one.Node)
			errs = append(errs, one.err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	failed.Err = errors.Join(errs...)
	return &failed
}
