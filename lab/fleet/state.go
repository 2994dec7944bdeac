// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"slices"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// State is what a machine does, as seen from the outside.
type State string

// The states, in the order of a first boot. A machine that was installed goes from Netboot (or, if it boots from its disk
// first, from Off or Rebooting) to Booting.
const (
	Off         State = "off"
	Netboot     State = "netboot"
	Maintenance State = "maintenance"
	Installing  State = "installing"
	Rebooting   State = "rebooting"
	Booting     State = "booting" // also while etcd waits for its bootstrap
	Running     State = "running" // all services run and the node is registered
)

// allowed tells whether a machine may go from one state to another. Every state may go to Off, for the power may fail,
// and all but Off to Rebooting, for there is a reset button.
func allowed(from, to State) bool {
	next := map[State][]State{
		Off:         {Netboot, Booting},
		Netboot:     {Maintenance, Booting},
		Maintenance: {Installing},
		Rebooting:   {Netboot, Booting},
		Booting:     {Running},
	}

	return to == Off || to == Rebooting && from != Off || slices.Contains(next[from], to)
}

// ofStage translates what the operating system says. Shutting down has no state of its own: Off follows.
func ofStage(stage talosim.Stage) (State, bool) {
	state, ok := map[talosim.Stage]State{
		talosim.StageMaintenance: Maintenance,
		talosim.StageInstalling:  Installing,
		talosim.StageRebooting:   Rebooting,
		talosim.StageBooting:     Booting,
		talosim.StageRunning:     Running,
	}[stage]

	return state, ok
}
