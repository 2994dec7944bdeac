// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// applyTimeout bounds one dry run or apply: the node validates the config and answers before it installs.
const applyTimeout = 2 * time.Minute

func (b *bringup) applyConfigs() phase.Phase {
	return phase.Phase{
		ID: "apply", Title: "apply the machine configs",
		Done: b.allOurs,
		Plan: func(context.Context) ([]string, error) {
			steps := []string{"on each machine in maintenance mode: check its identity, dry run, apply its config"}
			if b.site.Netboot.Approve == site.ApproveFingerprint {
				steps = append(steps, "but wait for each control plane until a person has approved its fingerprint: cozy-install node approve")
			}
			return steps, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			var failed error
			err := b.await(ctx, say, "a person to approve the control planes", 0, func(ctx context.Context) error {
				failed = b.applyOnce(ctx, say)
				if isUnapproved(failed) {
					return failed
				}
				return nil // nothing else is waited for
			})
			if err != nil {
				return err
			}
			return failed
		},
	}
}

func (b *bringup) applyOnce(ctx context.Context, say phase.Say) error {
	seen, err := b.observe(ctx, true)
	if err != nil {
		return err
	}
	return b.applyAll(ctx, seen, say)
}

// applyAll applies to all machines in maintenance mode side by side, but for those that a person must approve first. One
// that fails does not stop the others, and hides that some are not approved. Those that are silent now are installing
// already, or are waited for by the next phase. A machine goes on answering for a while after it took its config; its
// certificate, new at each boot, tells whether it is still the same boot.
func (b *bringup) applyAll(ctx context.Context, seen map[string]sight, say phase.Say) error {
	var lock sync.Mutex
	var errs []error
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	nodes, waiting := b.approved(ctx, b.without(seen), seen)
	for _, node := range nodes {
		machine := seen[node.Name]
		group.Go(func() error {
			err := b.apply(ctx, node, machine)
			lock.Lock()
			defer lock.Unlock()
			errs = append(errs, b.noteGiven(ctx, node, machine, err, say))
			return nil
		})
	}
	_ = group.Wait() // errors are collected, so that one node does not stop another
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return waiting
}

// without gives the nodes whose machines are in maintenance mode and did not take a config in this boot of theirs.
func (b *bringup) without(seen map[string]sight) []site.Node {
	var out []site.Node
	for _, node := range b.site.Nodes {
		machine := seen[node.Name]
		if machine.state == talos.Maintenance && b.given[node.Name] != machine.fingerprint {
			out = append(out, node)
		}
	}
	return out
}

// noteGiven keeps what became of giving a machine its config. A machine that fell silent meanwhile is no failure: it may
// have taken an earlier run's config and reboot, and the next phase waits for it.
func (b *bringup) noteGiven(ctx context.Context, node site.Node, machine sight, err error, say phase.Say) error {
	switch {
	case errors.Is(err, talos.ErrUnavailable):
		say("%s fell silent while it was given its config", node.Name)
		b.log.Debug("apply", "node", node.Name, "addr", machine.addr, "reason", err)
		return nil
	case err != nil:
		return fmt.Errorf("node %s (%s): %w", node.Name, machine.addr, err)
	}
	if b.given == nil {
		b.given = map[string]string{}
	}
	b.given[node.Name] = machine.fingerprint
	say("%s took its config and installs", node.Name)
	return b.noteApplied(ctx, node)
}

func (b *bringup) apply(ctx context.Context, node site.Node, machine sight) error {
	configs, err := b.machineConfigs([]site.Node{node})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	client, err := talos.DialMaintenance(ctx, machine.addr, machine.fingerprint)
	if err != nil {
		return err
	}
	defer client.Close()
	inventory, err := client.Inventory(ctx)
	if err != nil {
		return err
	}
	if err := isNode(node, inventory); err != nil {
		return err
	}
	if err := assertSecureBoot(b.site, node, inventory.Security); err != nil {
		return err
	}
	input, err := talosNode(b.site, node)
	if err != nil {
		return err
	}
	if _, err := input.Disk.Pick(inventory.Disks); err != nil {
		return err
	}
	if _, err := client.DryRun(ctx, configs[0]); err != nil {
		return settled(err)
	}
	return settled(client.Apply(ctx, configs[0]))
}

// settled takes "another apply is in progress" for what it is: the config has arrived, perhaps by a run that was killed.
func settled(err error) error {
	if errors.Is(err, talos.ErrAlreadyApplying) {
		return nil
	}
	return err
}

// noteApplied writes down that a node has its config, and lets it boot from its disk. A reinstall that was asked for is
// under way with it.
func (b *bringup) noteApplied(ctx context.Context, node site.Node) error {
	b.netboot.bootFromDisk(node.Name)
	err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Applied == nil {
			j.Applied = map[string]bool{}
		}
		j.Applied[node.Name] = true
		delete(j.Installed, node.Name)
		delete(b.running, node.Name)
	})
	if err != nil {
		return err
	}
	return workdir.Withdraw(b.dir.Path("."), workdir.ApproveReinstall, node.Name)
}

// noteInstalled writes down which nodes were seen running with their config, each once in a run. A command that only looks
// writes nothing.
func (b *bringup) noteInstalled(ctx context.Context, seen map[string]sight) error {
	var news []string
	for name, one := range seen {
		if one.state == talos.Ours && !b.running[name] {
			news = append(news, name)
		}
	}
	if len(news) == 0 || !b.dir.Locked() {
		return nil
	}
	err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Installed == nil {
			j.Installed = map[string]bool{}
		}
		for _, name := range news {
			j.Installed[name] = true
		}
	})
	if err != nil {
		return err
	}
	if b.running == nil {
		b.running = map[string]bool{}
	}
	for _, name := range news {
		b.running[name] = true
	}
	return nil
}

// awaitInstallation waits until every node answers with the cluster's own certificates: an open port alone may still be
// the maintenance service of a machine about to reboot (turing-rk1-cluster#39).
func (b *bringup) awaitInstallation() phase.Phase {
	return phase.Phase{
		ID: "install", Title: "wait for the nodes to install and reboot",
		Done: b.allOurs,
		Run: func(ctx context.Context, say phase.Say) error {
			return b.await(ctx, say, "the nodes to come back installed", 0, func(ctx context.Context) error {
				return b.assertInstalled(ctx, say)
			})
		},
	}
}

// assertInstalled checks that every node is ours. A machine that is back in maintenance mode without a config, because it
// lost power before it was written, is given it again.
func (b *bringup) assertInstalled(ctx context.Context, say phase.Say) error {
	seen, err := b.observe(ctx, true)
	if err != nil {
		return err
	}
	missing := b.assertSeen(seen, "have not come back installed", talos.Ours)
	if missing == nil {
		return nil
	}
	if err := b.applyAll(ctx, seen, say); err != nil {
		return fmt.Errorf("%w; %w", err, missing) // the first one's hint is shown
	}
	return missing
}
