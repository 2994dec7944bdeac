// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// etcdRunning is Talos's word for a service that runs. Before its bootstrap etcd is Preparing, and has nobody to ask.
const etcdRunning = "Running"

// etcdMembers asks every control plane for its view of the etcd members. One that cannot be asked is an error, never an
// empty answer: it may hold the only member.
func (b *bringup) etcdMembers(ctx context.Context) (map[string][]talos.EtcdMember, error) {
	return b.etcdMembersOf(ctx, b.controlPlanes())
}

// etcdMembersOf asks some control planes, side by side. Each error is a *NodeError.
func (b *bringup) etcdMembersOf(ctx context.Context, planes []site.Node) (map[string][]talos.EtcdMember, error) {
	views, errs := make([][]talos.EtcdMember, len(planes)), make([]error, len(planes))
	group := errgroup.Group{}
	for i, node := range planes {
		group.Go(func() error {
			if views[i], errs[i] = b.membersOf(ctx, node); errs[i] != nil {
				errs[i] = &NodeError{Node: node.Name, Err: errs[i]}
			}
			return nil
		})
	}
	_ = group.Wait() // errors are kept by node
	out := make(map[string][]talos.EtcdMember, len(planes))
	for i, node := range planes {
		if errs[i] == nil {
			out[node.Name] = views[i]
		}
	}
	return out, errors.Join(errs...)
}

func (b *bringup) membersOf(ctx context.Context, node site.Node) ([]talos.EtcdMember, error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	service, err := client.EtcdServiceState(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for the state of etcd: %w", node.Name, err)
	}
	if service.State != etcdRunning {
		return nil, nil
	}
	members, err := client.EtcdMembers(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for etcd members: %w", node.Name, err)
	}
	return members, nil
}

func anyMembers(views map[string][]talos.EtcdMember) bool {
	for _, members := range views {
		if len(members) > 0 {
			return true
		}
	}
	return false
}

// SplitEtcdError says that control planes belong to different etcd clusters: two views have no member in common.
type SplitEtcdError struct{ Views []string }

func (e *SplitEtcdError) Error() string {
	return "the control planes are in different etcd clusters: " + strings.Join(e.Views, "; ")
}

// Hint says how to get back to one.
func (e *SplitEtcdError) Hint() string {
	return "two etcd clusters were started: reset the control planes outside the one you keep, then run up again"
}

// assertOneEtcd checks that every control plane sees the same members, and that all control planes are among them. Those
// that the run went on without are not asked, and may be members or not.
func (b *bringup) assertOneEtcd(ctx context.Context) error {
	planes := b.expectedPlanes()
	views, err := b.etcdMembersOf(ctx, planes)
	if err != nil {
		return err
	}
	return oneEtcd(names(planes), views, names(b.controlPlanes())...)
}

// NoEtcdError names the control planes on which etcd does not run.
type NoEtcdError struct{ Nodes []string }

func (e *NoEtcdError) Error() string {
	return "etcd does not run yet on " + strings.Join(e.Nodes, ", ")
}

// oneEtcd checks what the named control planes see: by name, the members, none where etcd does not run. Only views that
// have nothing in common are a split; others differ while a member joins. Further names may be members or not.
func oneEtcd(planes []string, views map[string][]talos.EtcdMember, further ...string) error {
	var silent, lines []string
	for _, name := range planes {
		if len(views[name]) == 0 {
			silent = append(silent, name)
			continue
		}
		lines = append(lines, name+" sees "+describe(views[name]))
	}
	first := views[planes[0]]
	for _, name := range planes {
		if seen := views[name]; len(first) > 0 && len(seen) > 0 && !haveCommon(first, seen) {
			return &SplitEtcdError{Views: lines}
		} else if len(first) == 0 {
			first = seen
		}
	}
	if len(silent) > 0 {
		return &NoEtcdError{Nodes: silent}
	}
	for _, name := range planes {
		if describe(views[name]) != describe(first) {
			return fmt.Errorf("the etcd members are changing: %s", strings.Join(lines, "; "))
		}
	}
	return allMembers(planes, first, further)
}

// allMembers checks that the members are the named control planes, each with a vote, and nobody else but further names. A
// member has no name until it has started.
func allMembers(planes []string, members []talos.EtcdMember, further []string) error {
	votes, others := 0, 0
	for _, m := range members {
		isKnown := slices.Contains(planes, m.Hostname) || slices.Contains(further, m.Hostname)
		switch {
		case m.Hostname != "" && !isKnown:
			return &UnknownMemberError{Member: describe([]talos.EtcdMember{m})}
		case slices.Contains(planes, m.Hostname) && !m.Learner:
			votes++
		case slices.Contains(planes, m.Hostname) || !isKnown:
			others++
		}
	}
	if votes != len(planes) || others > 0 {
		return fmt.Errorf("etcd has %d of %d members: %s", votes, len(planes), describe(members))
	}
	return nil
}

func haveCommon(a, b []talos.EtcdMember) bool {
	return slices.ContainsFunc(a, func(x talos.EtcdMember) bool {
		return slices.ContainsFunc(b, func(y talos.EtcdMember) bool { return x.ID == y.ID })
	})
}

// describe gives members with their ids, in the order of their names, so that two clusters with members of one name
// differ: "cp1 (2a), cp2 (2b) learner".
func describe(members []talos.EtcdMember) string {
	if len(members) == 0 {
		return "no members"
	}
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = fmt.Sprintf("%s (%x)", m.Hostname, m.ID)
		if m.Learner {
			out[i] += " learner"
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
