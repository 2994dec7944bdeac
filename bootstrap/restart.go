// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos/power"
)

// restartMachines has the machines restarted that must be before they can be installed, each once in a boot, where up may use their
// management controllers. A person is waited for otherwise, and where that does not work, which is said.
func (b *bringup) restartMachines(ctx context.Context, all []delivery, say phase.Say) {
	sideBySide(all, func(d *delivery) {
		var restart *RestartError
		if !errors.As(d.err, &restart) || d.node.BMC == nil {
			return
		}
		restart.HasController = true
		if d.node.BMC.PowerOn {
			restart.Restarting = b.restartMachine(ctx, d.node, d.fingerprint, say)
		}
	})
}

// restartMachine says whether the machine was told to restart, now or before in this boot of it.
func (b *bringup) restartMachine(ctx context.Context, node site.Node, boot string, say phase.Say) bool {
	if before, _ := b.restarted.Swap(node.Name, boot); before == boot {
		return true
	}
	bmc, err := b.bmcOf(node)
	if err == nil {
		err = power.Cycle(ctx, bmc, b.site.Netboot.Mode != site.ModeOff)
	}
	if err != nil {
		b.restarted.Delete(node.Name)
		say("%s could not be restarted: %v", node.Name, err)
		return false
	}
	say("%s is restarted by its management controller", node.Name)
	return true
}
