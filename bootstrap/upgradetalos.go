// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// UpgradeTalos brings every node to the version and the boot image that the site file names: one at a time, control planes
// first, with the whole site well between two. A node that is there already is left alone, so an upgrade that was killed
// goes on when it is run again.
func UpgradeTalos(s *site.Site) Work {
	return Work{title: "upgrade Talos to " + s.Talos.Version, pulls: true, list: (*bringup).talosUpgrade}
}

// talosUpgrade is a preflight and a phase for each node. One that was asked already comes first: nothing else may happen
// before it is back.
func (b *bringup) talosUpgrade() ([]phase.Phase, error) {
	target, err := b.talosTarget()
	if err != nil {
		return nil, err
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return nil, err
	}
	nodes := b.inOrder()
	if mark := journal.Upgrade; mark != nil {
		slices.SortStableFunc(nodes, func(x, y site.Node) int {
			return compareBool(y.Name == mark.Node, x.Name == mark.Node)
		})
	}
	phases := []phase.Phase{b.preflightTalos(target)}
	for _, node := range nodes {
		phases = append(phases, b.upgradeNode(node, target))
	}
	return phases, nil
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// talosTarget is what a node is to run.
type talosTarget struct{ version, schematic, image string }

func (b *bringup) talosTarget() (talosTarget, error) {
	id, _, err := b.schematic()
	if err != nil {
		return talosTarget{}, err
	}
	return talosTarget{version: b.site.Talos.Version, schematic: id, image: installImage(b.site.Talos, id)}, nil
}

func (t talosTarget) reached(s talos.System) bool {
	return talos.SameVersion(s.Version, t.version) && s.Schematic == t.schematic
}

func (b *bringup) upgradeNode(node site.Node, target talosTarget) phase.Phase {
	return phase.Phase{
		ID: "talos-" + node.Name, Title: "upgrade Talos on " + node.Name,
		Done: func(ctx context.Context) (bool, error) {
			journal, err := b.dir.Journal()
			if err != nil || journal.Upgrade != nil && journal.Upgrade.Node == node.Name {
				return false, err
			}
			system, err := b.system(ctx, node)
			return err == nil && target.reached(system), err
		},
		Plan: func(context.Context) ([]string, error) {
			return []string{
				"wait until every control plane is a member of etcd, and the node is Ready",
				"install " + target.image + "; the node drains itself, reboots, and goes back to the old image if the new one does not come up",
				"check the version that came up, and give the node its config for it",
				"wait until the site is well again",
			}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			mark, err := b.markUpgrade(ctx, node, target)
			if err != nil {
				return err
			}
			if err := b.takeUpgrade(ctx, say, node, target, mark); err != nil {
				return err
			}
			if err := b.refreshConfig(ctx, say, node); err != nil {
				return err
			}
			if err := b.awaitSteady(ctx, say, []site.Node{node}); err != nil {
				return err
			}
			return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.Upgrade = nil })
		},
	}
}

// markUpgrade passes the gate and writes down what the node runs before it is asked. A node that was asked by an earlier run
// has passed the gate then, and keeps its mark.
func (b *bringup) markUpgrade(ctx context.Context, node site.Node, target talosTarget) (workdir.UpgradeMark, error) {
	journal, err := b.dir.Journal()
	if err != nil {
		return workdir.UpgradeMark{}, err
	}
	if journal.Upgrade != nil && journal.Upgrade.Node == node.Name {
		return *journal.Upgrade, nil
	}
	if err := b.assertSteady(ctx, []site.Node{node}, siteWell()); err != nil {
		return workdir.UpgradeMark{}, &UnsteadyError{Err: err}
	}
	system, err := b.system(ctx, node)
	if err != nil {
		return workdir.UpgradeMark{}, err
	}
	mark := workdir.UpgradeMark{Node: node.Name, Image: target.image, BootID: system.BootID}
	return mark, b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.Upgrade = &mark })
}

// takeUpgrade asks the node and waits until it is back with what it was asked for. It asks again when the answer was lost
// and nothing happened: a node that is upgrading does not take a second request.
func (b *bringup) takeUpgrade(ctx context.Context, say phase.Say, node site.Node, target talosTarget, mark workdir.UpgradeMark) error {
	asked := false
	err := b.await(ctx, say, node.Name+" to come back with Talos "+target.version, 0, func(ctx context.Context) error {
		system, err := b.system(ctx, node)
		switch {
		case err != nil:
			return err
		case target.reached(system):
			return nil
		case system.BootID != mark.BootID:
			return wait.Final(&RolledBackError{Node: node.Name, Want: target.version, Have: system, Schematic: target.schematic})
		case asked:
			return fmt.Errorf("%s installs Talos %s", node.Name, target.version)
		}
		asked, err = b.askUpgrade(ctx, node, target)
		return err
	})
	var rolledBack *RolledBackError
	var refused *RefusedUpgradeError
	if errors.As(err, &rolledBack) || errors.As(err, &refused) {
		// Nothing is under way any more: the next run begins anew.
		err = errors.Join(err, b.dir.UpdateJournal(ctx, func(j *workdir.Journal) { j.Upgrade = nil }))
	}
	return err
}

// askUpgrade never succeeds: what it waits for is the node's return. It says whether the node has taken the request.
func (b *bringup) askUpgrade(ctx context.Context, node site.Node, target talosTarget) (asked bool, err error) {
	client, err := b.dial(ctx, node)
	if err != nil {
		return false, err
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return false, err
	}
	if status.Stage != talos.StageRunning {
		return false, fmt.Errorf("%s is %s", node.Name, status.Stage) // an earlier run has asked
	}
	b.log.Info("asking for an upgrade", "node", node.Name, "image", target.image)
	switch err := client.Upgrade(ctx, target.image); {
	case errors.Is(err, talos.ErrUnavailable):
		return false, err
	case err != nil && ctx.Err() == nil:
		return false, wait.Final(&RefusedUpgradeError{Node: node.Name, Err: err})
	case err != nil:
		return false, err
	}
	return true, fmt.Errorf("%s installs Talos %s", node.Name, target.version)
}
