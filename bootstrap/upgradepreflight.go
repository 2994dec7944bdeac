// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// preflightTalos refuses, before any node is touched, an upgrade that cannot end well.
func (b *bringup) preflightTalos(target talosTarget) phase.Phase {
	return phase.Phase{
		ID: "preflight", Title: "check that the nodes can be upgraded",
		Plan: func(context.Context) ([]string, error) {
			return []string{
				"every node is ours and answers; its version may go to " + target.version + " in one step, which runs its Kubernetes",
				"clocks are right; etcd keeps its quorum while one member is away; every node is well",
			}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			journal, err := b.dir.Journal()
			if err != nil {
				return err
			}
			others := b.inOrder()
			if mark := journal.Upgrade; mark != nil {
				say("going on with the upgrade of %s", mark.Node)
				others = slices.DeleteFunc(others, func(n site.Node) bool { return n.Name == mark.Node })
			}
			if err := b.assertOurs(ctx, others); err != nil {
				return err
			}
			behind, err := b.checkTalosJumps(ctx, others, target)
			if err != nil || len(behind) == 0 && journal.Upgrade == nil {
				return err
			}
			return b.assertUpgradable(ctx, journal.Upgrade)
		},
	}
}

// checkTalosJumps gives the nodes that are not at the target yet, and an error for each that cannot get there.
func (b *bringup) checkTalosJumps(ctx context.Context, nodes []site.Node, target talosTarget) ([]site.Node, error) {
	systems, err := b.systems(ctx, nodes)
	if err != nil {
		return nil, err
	}
	var behind []site.Node
	var errs []error
	for _, node := range nodes {
		if target.reached(systems[node.Name]) {
			continue
		}
		behind = append(behind, node)
		if err := talos.CheckTalosUpgrade(systems[node.Name].Version, target.version); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", node.Name, err))
			continue
		}
		components, err := b.componentsOf(ctx, node)
		if err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", node.Name, err))
			continue
		}
		if err := talos.CheckKubernetesRuns(components[talos.Kubelet], target.version); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", node.Name, err))
		}
	}
	return behind, errors.Join(errs...)
}

// assertUpgradable checks what must hold while nodes go away one by one: with all control planes of the site file in etcd,
// whose number is odd, it stands the loss of one or was alone from the start. While one that an earlier run asked is still
// away, the site is looked at when it is back.
func (b *bringup) assertUpgradable(ctx context.Context, asked *workdir.UpgradeMark) error {
	if asked != nil {
		return nil
	}
	if err := b.assertSteady(ctx, b.site.Nodes, siteWellOnTime()); err != nil {
		return &UnsteadyError{Err: err}
	}
	return nil
}
