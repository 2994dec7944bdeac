// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// memberView is what one control plane says of its own etcd.
type memberView struct {
	node    site.Node
	service talos.ServiceState
	status  talos.EtcdStatus   // of a running one
	members []talos.EtcdMember // as it sees them
	err     error              // why it is not known
}

// trouble is why this etcd is no healthy, voting member; "" if it is one.
func (v memberView) trouble() string {
	switch {
	case v.err != nil:
		return v.err.Error()
	case v.service.State == "":
		return "it has no etcd"
	case v.service.State != etcdRunning:
		return "etcd is " + v.service.State
	case v.status.Leader == 0:
		return "etcd knows no leader: there is no quorum"
	case v.status.Learner:
		return "etcd is still a learner"
	case slices.ContainsFunc(v.status.Errors, func(e string) bool { return strings.Contains(e, "CORRUPT") }):
		return "etcd has the alarm " + strings.Join(v.status.Errors, ", ")
	case !v.service.Healthy:
		return "etcd is not healthy: " + v.service.Message
	}
	return ""
}

// memberViews asks every control plane for its own etcd, side by side. The error is about us, not about a node.
func (b *bringup) memberViews(ctx context.Context) ([]memberView, error) {
	if _, err := b.credentials(); err != nil {
		return nil, err
	}
	planes := b.controlPlanes()
	out := make([]memberView, len(planes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range planes {
		group.Go(func() error {
			out[i] = b.memberView(ctx, node)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out, ctx.Err()
}

func (b *bringup) memberView(ctx context.Context, node site.Node) memberView {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	view := memberView{node: node}
	client, err := b.dial(ctx, node)
	if err != nil {
		view.err = err
		return view
	}
	defer client.Close()
	if view.service, view.err = client.EtcdServiceState(ctx); view.err != nil || view.service.State != etcdRunning {
		return view
	}
	if view.status, view.err = client.EtcdStatus(ctx); view.err != nil {
		return view
	}
	view.members, view.err = client.EtcdMembers(ctx)
	return view
}

// NoHealthyMemberError says that no control plane can give a good snapshot.
type NoHealthyMemberError struct{ Why []string }

func (e *NoHealthyMemberError) Error() string {
	return "no control plane has a healthy etcd: " + strings.Join(e.Why, "; ")
}

// Hint says what still helps.
func (e *NoHealthyMemberError) Hint() string {
	return "a snapshot is only taken from a member with a vote that knows a leader; look at cozy-install status, and at the snapshots that there are: cozy-install etcd restore takes one back"
}

// maxLag is how many entries of the log a member may be behind the others and still count as up to date.
const maxLag = 10_000

// snapshotSources are the members that can give a snapshot, the best first: a follower that is up to date, since reading
// all of its database costs the leader most, then the leader, then those that lag.
func snapshotSources(views []memberView) ([]memberView, error) {
	var good []memberView
	var why []string
	var newest uint64
	for _, view := range views {
		if trouble := view.trouble(); trouble != "" {
			why = append(why, view.node.Name+": "+trouble)
			continue
		}
		good = append(good, view)
		newest = max(newest, view.status.Applied)
	}
	if len(good) == 0 {
		return nil, &NoHealthyMemberError{Why: why}
	}
	for _, view := range good[1:] {
		if !haveCommon(good[0].members, view.members) {
			return nil, &SplitEtcdError{Views: []string{
				fmt.Sprintf("%s sees %s", good[0].node.Name, describe(good[0].members)),
				fmt.Sprintf("%s sees %s", view.node.Name, describe(view.members)),
			}}
		}
	}
	slices.SortStableFunc(good, func(x, y memberView) int {
		return cmp.Or(cmp.Compare(rank(x, newest), rank(y, newest)), cmp.Compare(y.status.Applied, x.status.Applied))
	})
	return good, nil
}

func rank(v memberView, newest uint64) int {
	switch {
	case v.status.Applied+maxLag < newest:
		return 2
	case v.status.Leader == v.status.MemberID:
		return 1
	}
	return 0
}
