// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// planeView is what one control plane shows before etcd is restored.
type planeView struct {
	node    site.Node
	state   talos.State
	service talos.ServiceState
	data    bool               // there is something in etcd's directory, whether or not etcd runs
	members []talos.EtcdMember // as its own etcd sees them; empty while it does not answer
	boot    string
	err     error // why it can't be told
}

// planeViews asks every control plane, side by side.
func (b *bringup) planeViews(ctx context.Context) ([]planeView, error) {
	planes := b.controlPlanes()
	seen, err := b.observeSome(ctx, planes)
	if isFinal(err) {
		return nil, err
	}
	out := make([]planeView, len(planes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range planes {
		group.Go(func() error {
			out[i] = planeView{node: node, state: seen[node.Name].state, err: seen[node.Name].trouble}
			if out[i].state == talos.Ours {
				out[i] = b.planeView(ctx, node)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out, ctx.Err()
}

// planeView asks a control plane of ours.
func (b *bringup) planeView(ctx context.Context, node site.Node) planeView {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	view := planeView{node: node, state: talos.Ours}
	client, err := b.dial(ctx, node)
	if err != nil {
		view.err = err
		return view
	}
	defer client.Close()
	if view.boot, view.err = client.BootID(ctx); view.err != nil {
		return view
	}
	if view.service, view.err = client.EtcdServiceState(ctx); view.err != nil {
		return view
	}
	if view.data, view.err = client.HasEtcdData(ctx); view.err != nil || view.service.State != etcdRunning {
		return view
	}
	view.members, err = client.EtcdMembers(ctx)
	if err != nil {
		b.log.Debug("etcd runs and does not tell its members", "node", node.Name, "reason", err)
	}
	return view
}

// RestoreRefusedError says that a restore could make a second etcd cluster, and so nothing was done.
type RestoreRefusedError struct {
	Holding []string // control planes with data of etcd
	Unseen  []string // control planes that can't be asked, with why
	Unready string   // the chosen one, if it has no config
}

func (e *RestoreRefusedError) Error() string {
	var why []string
	if len(e.Holding) > 0 {
		why = append(why, "etcd's data is on "+strings.Join(e.Holding, ", ")+", and may still be a quorum")
	}
	if len(e.Unseen) > 0 {
		why = append(why, "control planes can't be asked: "+strings.Join(e.Unseen, "; "))
	}
	if e.Unready != "" {
		why = append(why, e.Unready+" is in maintenance mode, without a config")
	}
	return "etcd is not restored: " + strings.Join(why, "; ")
}

// Hint gives the commands that must come before.
func (e *RestoreRefusedError) Hint() string {
	switch {
	case len(e.Unseen) > 0:
		return "power them on and try again; one that will never come back must be taken out of the site file first"
	case len(e.Holding) > 0:
		return "only if that etcd is lost for good, wipe it on all of them: cozy-install reset " + strings.Join(e.Holding, " ") +
			" --keep-config --force --accept-risk " + RiskDataLoss + " --accept-risk " + RiskLastControlPlane
	}
	return "give the nodes their configs first: cozy-install up --until install"
}

// mayRestore is the guard of a restore: etcd may be started from a snapshot only where no control plane has any of its
// data, for that may be a part of a quorum, or become one again. Only a restore that was begun on the same node explains
// data: its own, and that of those who joined it.
func mayRestore(target string, mark *workdir.RestoreMark, views []planeView) error {
	var refused RestoreRefusedError
	begun := mark != nil && mark.Called && slices.ContainsFunc(views, func(v planeView) bool { return v.node.Name == target && v.data })
	for _, view := range views {
		name := view.node.Name
		switch {
		case view.err != nil:
			refused.Unseen = append(refused.Unseen, fmt.Sprintf("%s (%v)", name, view.err))
		case view.state == talos.Maintenance && name == target:
			refused.Unready = name
		case view.state == talos.Maintenance:
		case view.state != talos.Ours:
			refused.Unseen = append(refused.Unseen, fmt.Sprintf("%s (%s)", name, view.state))
		case !view.data && len(view.members) == 0:
		case !begun || name != target && len(view.members) > 0 && !isMember(view.members, target):
			refused.Holding = append(refused.Holding, name)
		}
	}
	if refused.Unready == "" && len(refused.Holding)+len(refused.Unseen) == 0 {
		return nil
	}
	return &refused
}

func isMember(members []talos.EtcdMember, name string) bool {
	return slices.ContainsFunc(members, func(m talos.EtcdMember) bool { return m.Hostname == name })
}
