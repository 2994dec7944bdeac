// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

func (b *bringup) applyConfigs() phase.Phase {
	return phase.Phase{
		ID: "apply", Title: "apply the machine configs",
		Done: b.allOurs,
		Plan: func(context.Context) ([]string, error) {
			steps := []string{
				"check each machine in maintenance mode and dry run its config",
				"apply the configs to those that do not refuse, control planes first",
			}
			if b.site.Netboot.Approve == site.ApproveFingerprint {
				steps = append(steps, "but wait for each control plane until a person has approved its fingerprint: cozy-install node approve")
			}
			return steps, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if err := b.listenToConsoles(ctx, say); err != nil { // when the run begins here
				return err
			}
			var failed error
			err := b.await(ctx, say, "a person to approve the control planes, or to restart machines", 0, func(ctx context.Context) error {
				failed = b.applyOnce(ctx, say)
				if needsAPerson(failed) {
					return failed
				}
				return nil // nothing else is waited for
			})
			if err != nil {
				return err
			}
			return b.leaveRefused(ctx, failed, say)
		},
	}
}

func (b *bringup) applyOnce(ctx context.Context, say phase.Say) error {
	seen, err := b.observeForApply(ctx)
	if err != nil {
		return err
	}
	return b.applyAll(ctx, seen, say)
}

// awaitInstallation waits until every node answers with the cluster's own certificates: an open port alone may still be
// the maintenance service of a machine about to reboot (turing-rk1-cluster#39). Workers can't before there is etcd, and are
// waited for before they have to be registered.
func (b *bringup) awaitInstallation() phase.Phase {
	return phase.Phase{
		ID: "install", Title: "wait for the nodes to install and reboot",
		Done: b.allInstalled,
		Run: func(ctx context.Context, say phase.Say) error {
			nodes := b.watch("have not come back installed", talos.Ours)
			return b.awaitMost(ctx, say, "the nodes to come back installed", 0, func(ctx context.Context) error {
				return b.assertInstalled(ctx, nodes, say)
			})
		},
	}
}

// assertInstalled checks that every node is ours. A machine that is back in maintenance mode without a config, because it
// lost power before it was written, is given it again; so is one that comes after the run went on without it.
func (b *bringup) assertInstalled(ctx context.Context, nodes *watch, say phase.Say) error {
	now, err := nodes.look(ctx)
	if err != nil {
		return err
	}
	missing := nodes.missing()
	if err := b.applyAll(ctx, now, say); err != nil && !b.onlyLate(err) {
		return fmt.Errorf("%w; %w", err, missing) // the first one's hint is shown
	}
	if missing != nil {
		return b.withReasons(ctx, missing, now)
	}
	return b.assertDisks(ctx, slices.DeleteFunc(b.expected(), func(n site.Node) bool { return nodes.seen[n.Name].state != talos.Ours }))
}
