// SPDX-License-Identifier: Apache-2.0

package fleet

import "slices"

// DiskHidden keeps the kernel from finding a disk, by its path, from the machine's next start until Clear: a cable is loose,
// or the controller has failed.
func DiskHidden(path string) Fault { return func(o *orders) { o.hidden = append(o.hidden, path) } }

// InstallTorn lets an installation that loses its power leave a partition table without a system, until Clear. Without it
// the disk is then as it was.
func InstallTorn() Fault { return func(o *orders) { o.tears = true } }

// Starts has the machine run another version of Talos in maintenance mode than it was served, as one does that was started
// from an old USB stick, from its next start until Clear. What is installed is what its config says.
func Starts(version string) Fault { return func(o *orders) { o.starts = version } }

func (o *orders) hides(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	return slices.Contains(o.hidden, path)
}

func (o *orders) tearsInstall() bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.tears
}

// startsWith is the version of Talos that runs in maintenance mode.
func (o *orders) startsWith(served string) string {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.starts != "" {
		return o.starts
	}

	return served
}
