// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// LostQuorumError says that etcd has no majority without a node, so that it can't be taken out.
type LostQuorumError struct {
	Node          string
	Members, Well int // of all members, those that run beside the node
}

func (e *LostQuorumError) Error() string {
	return fmt.Sprintf("etcd has no quorum without %s: %d of its %d members run", e.Node, e.Well, e.Members)
}

// Hint says what remains.
func (e *LostQuorumError) Hint() string {
	return "bring " + e.Node + " back; only if it is gone for good, etcd must be restored from a snapshot"
}

// UnknownMemberError says that etcd has a member that is no node of the site file.
type UnknownMemberError struct{ Member string }

func (e *UnknownMemberError) Error() string {
	return fmt.Sprintf("etcd has a member that is no control plane of the site file: %s", e.Member)
}

// Hint says how it may have come about.
func (e *UnknownMemberError) Hint() string {
	return "a node that was taken out of the site file before it was removed must be put back, and removed with cozy-install node remove"
}

// etcdBeside is etcd as the control planes other than one node see it.
type etcdBeside struct {
	members []talos.EtcdMember
	planes  []site.Node // those of the members that run, without the node itself
}

// beside asks the control planes other than a node for the members of etcd. Each member but the node must run and have a
// vote, and be a control plane of the site file; a control plane that is no member, because it was removed or is not there
// yet, does not matter. Unless the node is alive, the others must be a majority without it.
func (b *bringup) beside(ctx context.Context, node site.Node, alive bool) (etcdBeside, error) {
	out := etcdBeside{}
	views := map[string][]talos.EtcdMember{}
	var errs []error
	for _, plane := range b.otherPlanes(node) {
		view, err := b.membersOf(ctx, plane)
		if err != nil {
			errs = append(errs, err)
		}
		if len(view) == 0 {
			continue
		}
		views[plane.Name] = view
		if out.members == nil {
			out.members = view
		}
		if !haveCommon(out.members, view) {
			return out, &SplitEtcdError{Views: []string{describe(out.members), plane.Name + " sees " + describe(view)}}
		}
	}
	if out.members == nil {
		return out, errors.Join(append(errs, &LastControlPlaneError{Node: node.Name})...)
	}
	var absent []string
	for _, plane := range b.otherPlanes(node) {
		_, isMember := memberNamed(out.members, plane.Name)
		switch view, runs := views[plane.Name]; {
		case !isMember:
		case !runs:
			absent = append(absent, plane.Name)
		case describe(view) != describe(out.members):
			return out, fmt.Errorf("the etcd members are changing: %s sees %s", plane.Name, describe(view))
		default:
			out.planes = append(out.planes, plane)
		}
	}
	b.apart = nil
	for _, plane := range b.otherPlanes(node) {
		if _, isMember := memberNamed(out.members, plane.Name); !isMember {
			b.apart = append(b.apart, plane.Name)
		}
	}
	if votes := votingMembers(out.members); !alive && 2*len(out.planes) <= votes {
		return out, &LostQuorumError{Node: node.Name, Members: votes, Well: len(out.planes)}
	}
	if len(absent) > 0 {
		return out, &AbsentNodesError{Nodes: absent}
	}
	return out, assertVotes(out.members, names(out.planes), node.Name)
}

// assertMember checks that a control plane is a member of the one etcd, with a vote, and knows it.
func (b *bringup) assertMember(ctx context.Context, node site.Node) error {
	others, err := b.beside(ctx, node, true)
	if err != nil {
		return err
	}
	member, is := memberNamed(others.members, node.Name)
	switch {
	case !is:
		return fmt.Errorf("%s is no member of etcd yet", node.Name)
	case member.Learner:
		return fmt.Errorf("%s has no vote in etcd yet", node.Name)
	}
	own, err := b.membersOf(ctx, node)
	if err != nil {
		return err
	}
	if len(own) == 0 {
		return fmt.Errorf("etcd does not run yet on %s", node.Name)
	}
	if !haveCommon(own, others.members) {
		return &SplitEtcdError{Views: []string{describe(others.members), node.Name + " sees " + describe(own)}}
	}
	return nil
}

func votingMembers(members []talos.EtcdMember) int {
	votes := 0
	for _, m := range members {
		if !m.Learner {
			votes++
		}
	}
	return votes
}

// assertVotes checks that the members are the named control planes, each with a vote, and perhaps one more.
func assertVotes(members []talos.EtcdMember, planes []string, perhaps string) error {
	voting := 0
	for _, m := range members {
		switch {
		case m.Hostname == perhaps:
		case !slices.Contains(planes, m.Hostname):
			return &UnknownMemberError{Member: describe([]talos.EtcdMember{m})}
		case m.Learner:
			return fmt.Errorf("%s has no vote in etcd yet", m.Hostname)
		default:
			voting++
		}
	}
	if voting != len(planes) {
		return fmt.Errorf("etcd has %d of %d members: %s", voting, len(planes), describe(members))
	}
	return nil
}

// memberNamed gives the member of that name; false if there is none.
func memberNamed(members []talos.EtcdMember, name string) (talos.EtcdMember, bool) {
	i := slices.IndexFunc(members, func(m talos.EtcdMember) bool { return m.Hostname == name })
	if i < 0 {
		return talos.EtcdMember{}, false
	}
	return members[i], true
}

// LastControlPlaneError says that a site would be left with no control plane, or has no other.
type LastControlPlaneError struct{ Node string }

func (e *LastControlPlaneError) Error() string {
	return fmt.Sprintf("node %s is the only control plane of the site", e.Node)
}

// Hint says what is meant instead.
func (e *LastControlPlaneError) Hint() string {
	return "a new site is brought up with cozy-install up; a lost one is restored from a snapshot of etcd"
}
