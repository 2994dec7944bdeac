// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// applyTimeout bounds one dry run or apply: the node validates the config and answers before it installs.
const applyTimeout = 2 * time.Minute

// delivery is a config on its way to the machine of a node.
type delivery struct {
	node    site.Node
	machine sight
	open    *calls
	plan    installPlan
	unfit   error // why there is no plan
	config  []byte
	Applied
}

// applyAll gives its config to each machine in maintenance mode that has none, but for those that a person must approve
// first. All are checked and dry run before the first gets anything. One that refuses gets nothing, and does not stop the
// others. Those that are silent now are installing already, or are waited for by the next phase. A machine goes on
// answering for a while after it took its config; its certificate, new at each boot, tells whether it is still the same boot.
func (b *bringup) applyAll(ctx context.Context, seen map[string]sight, say phase.Say) error {
	nodes, waiting := b.approved(ctx, b.without(seen), seen)
	if len(nodes) == 0 {
		return waiting
	}
	open := &calls{}
	defer open.close()
	if err := b.preflight(ctx, say, nodes, seen, open); err != nil {
		return err
	}
	out, err := b.deliveries(ctx, nodes, seen, open)
	if err != nil {
		return err
	}
	sideBySide(out, func(d *delivery) { d.become(b.check(ctx, d), "") })
	for _, role := range []string{site.ControlPlane, site.Worker} {
		sideBySide(out, func(d *delivery) {
			if d.Role == role && d.Result == "" {
				d.become(b.give(ctx, d), Took)
			}
			if d.Role == role && d.Result == Took {
				b.netboot.bootFromDisk(d.Node)
			}
		})
	}
	b.noteTakers(out)
	b.restartMachines(ctx, out, say)
	if noteErr := b.note(ctx, results(out), say); noteErr != nil {
		return noteErr
	}
	// A refusal hides that others are not approved.
	if err := refusal(results(out)); err != nil {
		return err
	}
	return waiting
}

// without gives the nodes whose machines are in maintenance mode and did not take a config in this boot of theirs. One that
// the run went on without because it refused is not asked again in the same boot.
func (b *bringup) without(seen map[string]sight) []site.Node {
	return slices.DeleteFunc(slices.Clone(b.nodes()), func(node site.Node) bool {
		machine := seen[node.Name]
		last := b.applied[node.Name]
		hasRefused := last.Result == Refused && last.fingerprint == machine.fingerprint && b.isLate(node.Name)
		return machine.state != talos.Maintenance || b.given[node.Name] == machine.fingerprint || hasRefused
	})
}

// deliveries plans the installation of each machine, and writes the plans down.
func (b *bringup) deliveries(ctx context.Context, nodes []site.Node, seen map[string]sight, open *calls) ([]delivery, error) {
	journal, err := b.dir.Journal()
	if err != nil {
		return nil, err
	}
	out := make([]delivery, len(nodes))
	for i, node := range nodes {
		machine := seen[node.Name]
		out[i] = delivery{
			node: node, machine: machine, open: open,
			Applied: Applied{Node: node.Name, Role: node.Role, Addr: machine.addr, fingerprint: machine.fingerprint},
		}
		out[i].plan, out[i].unfit = planFor(journal, node, machine.inventory)
	}
	return out, b.notePlans(ctx, out)
}

// isFit says that the machine can be installed in this boot of it.
func (d *delivery) isFit() bool { return d.unfit == nil && !d.plan.erase && !d.plan.restart }

// sideBySide does something to each delivery, to a limited number of them at a time.
func sideBySide(all []delivery, do func(*delivery)) {
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i := range all {
		group.Go(func() error {
			do(&all[i])
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: what became of each is in it
}

func results(all []delivery) []Applied {
	out := make([]Applied, len(all))
	for i, d := range all {
		out[i] = d.Applied
	}
	return out
}

// check holds a machine against the site file, writes a config that the Talos it runs can read, and has it judge that,
// changing nothing. What is known of it was read from the machine whose fingerprint is pinned, in this boot of it.
func (b *bringup) check(ctx context.Context, d *delivery) error {
	inventory := d.machine.inventory
	if err := isNode(d.node, inventory); err != nil {
		return err
	}
	if err := assertSecureBoot(b.site, d.node, inventory.Security); err != nil {
		return err
	}
	if err := b.agreesWithConsole(d.node, d.machine); err != nil {
		return err
	}
	if d.isFit() {
		configs, err := b.machineConfigs([]site.Node{d.node}, map[string]string{d.Node: inventory.TalosVersion})
		if err != nil {
			return err
		}
		d.config = configs[0]
	}
	return d.call(ctx, func(ctx context.Context, client *talos.Client) error {
		switch {
		case installing(ctx, client):
			return talos.ErrAlreadyApplying // what it shows on its disk is the installation that goes on there
		case d.unfit != nil:
			return d.unfit
		case d.plan.restart:
			return &RestartError{Node: d.Node, Disk: d.plan.disk}
		case d.plan.erase:
			return nil // before it is erased nothing can be said
		}
		_, err := client.DryRun(ctx, d.config)
		return err
	})
}

// give sends the config. A machine with an installation of Talos on its disk loses that instead, and must restart.
func (b *bringup) give(ctx context.Context, d *delivery) error {
	return d.call(ctx, func(ctx context.Context, client *talos.Client) error {
		if !d.plan.erase {
			return client.Apply(ctx, d.config)
		}
		if err := b.eraseDisk(ctx, client, d.node, d.plan.disk); err != nil {
			return err
		}
		return &RestartError{Node: d.Node, Disk: d.plan.disk}
	})
}

// call speaks to the machine that was seen and to no other.
func (d *delivery) call(ctx context.Context, do func(context.Context, *talos.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	client, err := d.open.to(ctx, d.Node, d.machine)
	if err != nil {
		return err
	}
	return do(ctx, client)
}
