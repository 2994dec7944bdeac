// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// resetGroup resets nodes side by side and waits until all were seen again, or the time is over.
func (b *bringup) resetGroup(ctx context.Context, nodes []ResetNode, r ResetOptions) []ResetOutcome {
	out := make([]ResetOutcome, len(nodes))
	asked := map[int]beforeReset{}
	for i, node := range nodes {
		out[i] = ResetOutcome{Node: node.Name, State: ResetNothing}
		var err error
		switch talos.State(node.State) {
		case talos.Ours:
			var before beforeReset
			if before, err = b.askReset(ctx, node, r); err == nil {
				asked[i] = before
			}
		case talos.Maintenance:
			if !r.KeepConfig {
				err = b.noteReset(ctx, node.Name, workdir.ResetDone)
			}
		default:
			err = fmt.Errorf("node %s (%s) does not answer", node.Name, node.Address)
		}
		if err != nil {
			out[i].State, out[i].Reason, out[i].err = ResetFailed, err.Error(), err
		}
	}
	b.awaitResets(ctx, nodes, asked, out, r)
	return out
}

// awaitResets waits for the nodes that were asked, by their place, and writes down what became of each.
func (b *bringup) awaitResets(ctx context.Context, nodes []ResetNode, asked map[int]beforeReset, out []ResetOutcome, r ResetOptions) {
	if len(asked) == 0 {
		return
	}
	err := b.await(ctx, r.Say, "the nodes to come back reset", 0, func(ctx context.Context) error {
		var errs []error
		for i, before := range asked {
			err := b.assertReset(ctx, nodes[i].node, before, r.KeepConfig)
			if err == nil {
				out[i].State, out[i].err = ResetWiped, nil
				delete(asked, i)
				continue
			}
			out[i].State, out[i].err = ResetUnseen, err
			errs = append(errs, err)
		}
		slices.SortFunc(errs, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
		return errors.Join(errs...)
	})
	for i := range asked {
		out[i].State, out[i].Reason, out[i].err = ResetUnseen, err.Error(), err
	}
}

// beforeReset is what tells a node that was reset from the one that was asked.
type beforeReset struct {
	boot   string
	member uint64 // of etcd; 0: it was none
}

// askReset writes the intent down and asks the node. An answer that is lost is no failure: what the node does shows.
func (b *bringup) askReset(ctx context.Context, node ResetNode, r ResetOptions) (beforeReset, error) {
	client, err := b.dial(ctx, node.node)
	if err != nil {
		return beforeReset{}, err
	}
	defer client.Close()
	var before beforeReset
	if before.boot, err = client.BootID(ctx); err != nil {
		return beforeReset{}, err
	}
	if status, err := client.EtcdStatus(ctx); err == nil { // workers have none, nor has one that lost its data
		before.member = status.MemberID
	}
	if !r.KeepConfig {
		if err := b.noteReset(ctx, node.Name, workdir.ResetAsked); err != nil {
			return beforeReset{}, err
		}
	}
	b.log.Info("resetting", "node", node.Name, "graceful", node.Graceful, "wipes", node.Wipes)
	err = client.Reset(ctx, talos.Reset{Graceful: node.Graceful, KeepConfig: r.KeepConfig, UserDisks: node.disks})
	if errors.Is(err, talos.ErrUnavailable) {
		return before, nil
	}
	return before, err
}

// assertReset checks that a node is back and has lost what it was to lose.
func (b *bringup) assertReset(ctx context.Context, node site.Node, before beforeReset, keptConfig bool) error {
	if !keptConfig {
		seen, err := b.observeSome(ctx, []site.Node{node})
		if err != nil {
			return err
		}
		if state := seen[node.Name].state; state != talos.Maintenance {
			return fmt.Errorf("%s is %s", node.Name, state)
		}
		return nil // observing has noted it
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	boot, err := client.BootID(ctx)
	if err != nil {
		return err
	}
	if boot == before.boot {
		return fmt.Errorf("%s has not rebooted yet", node.Name)
	}
	if node.Role != site.ControlPlane {
		return nil
	}
	data, err := client.HasEtcdData(ctx)
	if err != nil || !data {
		return err
	}
	status, err := client.EtcdStatus(ctx) // it has joined again, as another member
	if err == nil && status.MemberID == before.member {
		err = fmt.Errorf("%s still has its etcd data", node.Name)
	}
	return err
}

// noteReset writes down how far a reset is. Once it is done the node may boot from the network again, and an old
// approval is for a boot that is over.
func (b *bringup) noteReset(ctx context.Context, node string, state workdir.ResetState) error {
	planes := names(b.controlPlanes())
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		markReset(j, node, state)
		endCluster(j, planes)
	})
}

func markReset(j *workdir.Journal, node string, state workdir.ResetState) {
	if j.Resets == nil {
		j.Resets = map[string]workdir.ResetState{}
	}
	j.Resets[node] = state
	if state == workdir.ResetDone {
		delete(j.Applied, node)
		delete(j.Installed, node)
		delete(j.Approvals, node)
	}
}

// noteResets writes down which of the nodes that were asked to reset themselves were seen in maintenance mode: also by an
// up, for a machine may have no address before that. A command that only looks writes nothing.
func (b *bringup) noteResets(ctx context.Context, seen map[string]sight) error {
	if !b.dir.Locked() {
		return nil
	}
	journal, err := b.dir.Journal()
	if err != nil || len(journal.Resets) == 0 {
		return err
	}
	var done []string
	for name, one := range seen {
		if one.state == talos.Maintenance && journal.Resets[name] == workdir.ResetAsked {
			done = append(done, name)
		}
	}
	if len(done) == 0 {
		return nil
	}
	for _, name := range done {
		delete(b.running, name)
	}
	planes := names(b.controlPlanes())
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		for _, name := range done {
			markReset(j, name, workdir.ResetDone)
		}
		endCluster(j, planes)
	})
}

// endCluster forgets etcd when a reset of every control plane was seen to take effect, and none has been given a config
// since: then, and only then, there is nothing left that a second bootstrap could split.
func endCluster(j *workdir.Journal, planes []string) {
	if slices.ContainsFunc(planes, func(name string) bool { return j.Resets[name] != workdir.ResetDone }) {
		return
	}
	j.BootstrapNode, j.BootstrapCalled, j.EtcdStarted, j.Restore = "", false, false, nil
}

// ended says whether no control plane is left of the cluster.
func (b *bringup) ended() (bool, error) {
	j, err := b.dir.Journal()
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(names(b.controlPlanes()), func(name string) bool { return j.Resets[name] != workdir.ResetDone }), nil
}
