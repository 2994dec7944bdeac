// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/talos"
)

// DiskDataError says that an installation would destroy what is on a disk. The machine is left as it is.
type DiskDataError struct {
	Node string
	Disk talos.Disk
}

func (e *DiskDataError) Error() string {
	switch contents := e.Disk.Contents; {
	case contents == nil:
		return fmt.Sprintf("the install disk %s may hold data: the machine does not say what is on it", e.Disk)
	case contents.HasTalos():
		return fmt.Sprintf("the install disk %s holds an earlier installation of Talos: %s", e.Disk, listed(contents.List()))
	default:
		return fmt.Sprintf("the install disk %s holds data: %s", e.Disk, listed(contents.List()))
	}
}

// Hint says how to give the data up, and how not to.
func (e *DiskDataError) Hint() string {
	return fmt.Sprintf("choose another disk for %s in nodes[].disk, or, if all of this may be lost, set nodes[].disk.wipe: true; "+
		"look at its disks with: cozy-install node show %s", e.Node, e.Node)
}

// listed bounds what a machine can make us print.
func listed(parts []string) string {
	const most = 32
	if more := len(parts) - most; more > 0 {
		parts = append(slices.Clone(parts[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// InstalledElsewhereError says that Talos is on another disk than the one to install to. Talos would run from that one: it
// does not install where it finds its META partition, on whatever disk.
type InstalledElsewhereError struct {
	Node string
	Want talos.Disk
	Path string // of the disk with Talos
}

func (e *InstalledElsewhereError) Error() string {
	return fmt.Sprintf("Talos is installed on %s of the machine, which is not the install disk %s: it would go on running from there", e.Path, e.Want)
}

// Hint says how to go on. The other disk is never wiped here: nodes[].disk does not name it.
func (e *InstalledElsewhereError) Hint() string {
	return fmt.Sprintf("select that disk for %s in nodes[].disk, or wipe it yourself and restart the machine: "+
		"talosctl wipe disk %s --insecure --nodes <address of %s>", e.Node, strings.TrimPrefix(e.Path, "/dev/"), e.Node)
}

// RestartError says that a machine must restart before it can be installed: what Talos found when it started has been
// wiped, and it looks only once.
type RestartError struct {
	Node string
	Disk talos.Disk
	// Restarting: its management controller was told to restart it.
	Restarting bool
	// HasController: it has one in the site file, that up may not use by itself.
	HasController bool
}

func (e *RestartError) Error() string {
	return fmt.Sprintf("%s must be restarted: an earlier installation of Talos was wiped from %s, and Talos takes the machine for "+
		"installed until it starts anew", e.Node, e.Disk.DevPath)
}

// Hint says what to do: nobody can restart a machine in maintenance mode through Talos.
func (e *RestartError) Hint() string {
	switch {
	case e.Restarting:
		return "its management controller was told to restart " + e.Node + ": up goes on when it is back in maintenance mode; if it does not come, look at its console"
	case e.HasController:
		return "run, in another terminal: cozy-install node power cycle " + e.Node + " --netboot; with nodes[].bmc.powerOn: true up does it itself"
	}
	return "switch " + e.Node + " off and on again, or reset it by its management controller: up goes on when it is back in maintenance mode"
}

// BusyError says that a machine does something else than waiting for a config.
type BusyError struct{ Stage talos.Stage }

func (e *BusyError) Error() string {
	return fmt.Sprintf("the machine's stage is %q: its disks are not touched", e.Stage)
}

// WrongDiskError says that a node was installed to another disk than planned.
type WrongDiskError struct {
	Node    string
	Planned talos.DiskSelector
	Path    string // of the disk it runs from
	Disks   []talos.Disk
}

func (e *WrongDiskError) Error() string {
	have := e.Path
	if i := slices.IndexFunc(e.Disks, func(d talos.Disk) bool { return d.DevPath == e.Path }); i >= 0 {
		have = e.Disks[i].String()
	}
	return fmt.Sprintf("node %s runs from %s, but was installed to the disk with %s", e.Node, have, e.Planned)
}

// Hint says what may have happened and what to do.
func (e *WrongDiskError) Hint() string {
	return "two disks may share that name, or another one has Talos on it: look with cozy-install node show " + e.Node +
		"; wipe the wrong one and install the node anew"
}

// UnchosenDiskError says that a config can't be written before the node's machine has been seen: a config can't name the
// transport, so the disk's own names must be read from the machine.
type UnchosenDiskError struct{ Node, Transport string }

func (e *UnchosenDiskError) Error() string {
	return fmt.Sprintf("the install disk of %s is selected by transport %s, and its machine has not been seen yet", e.Node, e.Transport)
}

// Hint says how it can be.
func (e *UnchosenDiskError) Hint() string {
	return "select the disk by its serial or wwid, as in cozy-install node show " + e.Node + ", or run up first: it chooses the disk and writes down which"
}
