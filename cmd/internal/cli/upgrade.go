// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newUpgradeCommand(streams Streams) *cobra.Command {
	return newGroup("upgrade", "Upgrade a running site, one node at a time", newUpgradeTalosCommand(streams))
}

func newUpgradeTalosCommand(streams Streams) *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: "talos", Short: "Upgrade Talos to the version in the site file, one node at a time", Args: usageArgs(cobra.NoArgs),
		Long: "Upgrade Talos on every node to talos.version with the boot image that the site file and the bundle ask for: control\n" +
			"planes first, one at a time, and the whole site must be well before the next node. A jump over a minor version, a\n" +
			"downgrade, and an upgrade that would cost etcd its quorum are refused before any node is touched. A node that comes\n" +
			"back with its old image ends the upgrade. Killed at any moment and run again, it goes on where it was.\n" +
			"Kubernetes keeps its version: see upgrade kubernetes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.do(cmd, streams, change{run: bootstrap.UpgradeTalos, plan: bootstrap.PlanUpgradeTalos}, nil)
		},
	}
	flags.add(c)
	return c
}
