// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// installPlan is the disk that a machine is installed to, and what that takes. Talos itself asks nobody: it takes the first
// disk that fits, wipes it whatever is on it, and installs nothing at all where it finds an earlier installation.
type installPlan struct {
	disk     talos.Disk
	selector talos.DiskSelector // of the disk, for the machine config
	// erase: the disk holds an installation of Talos that is not needed. It must go, and the machine must restart.
	erase bool
	// restart: the installation that Talos found when it started is gone already.
	restart bool
	// container: Talos is a container, and nothing is installed or lost.
	container bool
}

// planInstall chooses a machine's install disk by the facts that it told. Ours is the disk that the node's config was
// written for and given to before, while the node was never seen running since; nil: there is none. What Talos's installer
// left there when it was interrupted is nobody's data.
func planInstall(node site.Node, machine talos.Inventory, ours *talos.DiskSelector) (installPlan, error) {
	if machine.Container {
		return installPlan{container: true}, nil
	}
	want := diskSelector(node)
	disk, err := want.Pick(machine.Disks)
	if err != nil {
		return installPlan{}, err
	}
	plan := installPlan{disk: disk, selector: want}
	if want.Transport != "" || want.WWID == "" && want.Serial == "" {
		if plan.selector, err = disk.SelectorAmong(machine.Disks); err != nil {
			return installPlan{}, err
		}
	}
	if machine.SystemDisk != "" && machine.SystemDisk != disk.DevPath {
		return installPlan{}, &InstalledElsewhereError{Node: node.Name, Want: disk, Path: machine.SystemDisk}
	}
	if !node.Disk.Wipe && !holdsNothing(disk, machine.Disks, ours) {
		return installPlan{}, &DiskDataError{Node: node.Name, Disk: disk}
	}
	plan.erase = machine.SystemDisk == disk.DevPath
	plan.restart = machine.Installed && machine.SystemDisk == ""
	return plan, nil
}

// holdsNothing says that nothing is lost with a disk. One whose contents are not told holds something.
func holdsNothing(disk talos.Disk, all []talos.Disk, ours *talos.DiskSelector) bool {
	switch {
	case disk.Contents == nil:
		return false
	case disk.Contents.Blank():
		return true
	case ours == nil || !disk.Contents.OnlyTalos():
		return false
	}
	before, err := ours.Pick(all)
	return err == nil && before.DevPath == disk.DevPath
}

// planFor is planInstall with what the journal knows.
func planFor(journal workdir.Journal, node site.Node, machine talos.Inventory) (installPlan, error) {
	var ours *talos.DiskSelector
	if noted, ok := journal.Disks[node.Name]; ok && !journal.Installed[node.Name] {
		ours = new(notedSelector(noted))
	}
	_, isReset := journal.Resets[node.Name]
	if isReset {
		ours = new(diskSelector(node))
	}
	plan, err := planInstall(node, machine, ours)
	if isReset {
		plan.erase = false // what is installed there stays, and takes the config: a reset of ours left it for that
	}
	return plan, err
}

// notePlans writes down the disks of the machines that are about to be given their configs. What is found on such a disk
// later, without the node having run, is an installation of ours that did not end.
func (b *bringup) notePlans(ctx context.Context, all []delivery) error {
	if !slices.ContainsFunc(all, func(d delivery) bool { return d.isFit() }) {
		return nil
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Disks == nil {
			j.Disks = map[string]workdir.InstallDisk{}
		}
		for _, d := range all {
			if !d.isFit() {
				continue
			}
			if s := d.plan.selector; !d.plan.container {
				j.Disks[d.Node] = workdir.InstallDisk{
					From: diskSelector(d.node).String(), WWID: s.WWID, Serial: s.Serial, Model: s.Model, Size: s.Size, BusPath: s.BusPath,
				}
			}
			delete(j.Installed, d.Node)
			delete(b.running, d.Node)
		}
	})
}

// eraseDisk takes an installation of Talos off a disk. Only a machine that is in maintenance mode by its own word is
// touched: one that installs just now looks the same from outside.
func (b *bringup) eraseDisk(ctx context.Context, client *talos.Client, node site.Node, disk talos.Disk) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if status.Stage != talos.StageMaintenance {
		return &BusyError{Stage: status.Stage}
	}
	b.log.Info("wipe an installation of Talos", "node", node.Name, "disk", disk.String(), "contents", disk.Contents.List())
	return client.WipeDisk(ctx, disk)
}

// installing says that a machine carries a config out, as it says itself: an earlier run gave it one.
func installing(ctx context.Context, client *talos.Client) bool {
	status, err := client.Status(ctx)
	return err == nil && (status.Stage == talos.StageInstalling || status.Stage == talos.StageRebooting)
}

// selectorFor is what a node's config selects its disk by: the one that was chosen for it by its hardware, or, before that
// and after the site file was changed, the site file's.
func (b *bringup) selectorFor(node site.Node) (talos.DiskSelector, error) {
	journal, err := b.dir.Journal()
	if err != nil {
		return talos.DiskSelector{}, err
	}
	want := diskSelector(node)
	if noted, ok := journal.Disks[node.Name]; ok && noted.From == want.String() {
		return notedSelector(noted), nil
	}
	if want.Transport != "" && want.Transport != "nvme" {
		return talos.DiskSelector{}, &UnchosenDiskError{Node: node.Name, Transport: want.Transport}
	}
	return want, nil
}

// selectorOrStandIn is for configs that are only made to be validated: a disk that is not chosen yet has a selector that fits
// none.
func (b *bringup) selectorOrStandIn(node site.Node) (talos.DiskSelector, error) {
	selector, err := b.selectorFor(node)
	if unchosen := (*UnchosenDiskError)(nil); errors.As(err, &unchosen) {
		return talos.DiskSelector{BusPath: "not chosen yet"}, nil
	}
	return selector, err
}

// notedSelector is the journal's words as Talos's.
func notedSelector(d workdir.InstallDisk) talos.DiskSelector {
	return talos.DiskSelector{WWID: d.WWID, Serial: d.Serial, Model: d.Model, Size: d.Size, BusPath: d.BusPath}
}

// diskSelector is the site file's words as Talos's.
func diskSelector(n site.Node) talos.DiskSelector {
	return talos.DiskSelector{
		Serial: n.Disk.Serial, WWID: n.Disk.WWID, Model: n.Disk.Model, Size: n.Disk.Size, Transport: n.Disk.Transport,
	}
}

// allInstalled says that every node is ours and runs from the disk that was chosen for it.
func (b *bringup) allInstalled(ctx context.Context) (bool, error) {
	if ours, err := b.allOurs(ctx); !ours || err != nil {
		return false, err
	}
	err := b.assertDisks(ctx, b.expected())
	if isFinal(err) {
		return false, err
	}
	return err == nil, nil
}

// assertDisks checks that nodes run from the disks that were chosen for them. Those that were installed before choices were
// written down are left alone.
func (b *bringup) assertDisks(ctx context.Context, nodes []site.Node) error {
	journal, err := b.dir.Journal()
	if err != nil {
		return err
	}
	errs := make([]error, len(nodes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range nodes {
		if noted, ok := journal.Disks[node.Name]; ok {
			group.Go(func() error {
				errs[i] = b.assertDisk(ctx, node, notedSelector(noted))
				return nil
			})
		}
	}
	_ = group.Wait() // errors are kept by node
	return errors.Join(errs...)
}

func (b *bringup) assertDisk(ctx context.Context, node site.Node, planned talos.DiskSelector) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	if installing(ctx, client) {
		return &MissingNodesError{What: "are still installing", Nodes: []string{node.Name}}
	}
	disks, system, err := client.SystemDisk(ctx)
	switch {
	case err != nil:
		return err
	case len(disks) == 0:
		return nil // a container has none
	case system == "":
		return &MissingNodesError{What: "do not say which disk they run from", Nodes: []string{node.Name}}
	}
	if disk, err := planned.Pick(disks); err != nil || disk.DevPath != system {
		return &WrongDiskError{Node: node.Name, Planned: planned, Path: system, Disks: disks}
	}
	return nil
}
