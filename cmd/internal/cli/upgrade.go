// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

func newUpgradeCommand(streams Streams) *cobra.Command {
	return newGroup("upgrade", "Upgrade a running site, one node at a time", newUpgradeTalosCommand(streams), newUpgradeKubernetesCommand(streams))
}

func newUpgradeTalosCommand(streams Streams) *cobra.Command {
	return newUpgradePartCommand(streams, bootstrap.UpgradeTalos, &cobra.Command{
		Use: "talos", Short: "Upgrade Talos to the version in the site file, one node at a time",
		Long: "Upgrade Talos on every node to talos.version with the boot image that the site file and the bundle ask for: control\n" +
			"planes first, one at a time, and the whole site must be well before the next node. A jump over a minor version, a\n" +
			"downgrade, and an upgrade that would cost etcd its quorum are refused before any node is touched. A node that comes\n" +
			"back with its old image ends the upgrade. Killed at any moment and run again, it goes on where it was.\n" +
			"Kubernetes keeps its version: see upgrade kubernetes.",
	})
}

func newUpgradeKubernetesCommand(streams Streams) *cobra.Command {
	return newUpgradePartCommand(streams, bootstrap.UpgradeKubernetes, &cobra.Command{
		Use: "kubernetes", Short: "Upgrade Kubernetes to the version in the site file, one part and node at a time",
		Long: "Upgrade Kubernetes to kubernetes.version, one minor version at a time, without a reboot: the API server, the controller\n" +
			"manager and the scheduler, each on one control plane after the other, then kube-proxy and the kubelets, and what Talos\n" +
			"furnishes a cluster with. The whole machine config of the site file is applied with it. Killed at any moment and run\n" +
			"again, it goes on where it was. Objects of APIs that the new version no longer serves are not looked for.",
	})
}

// newUpgradePartCommand makes a command run an upgrade, which has no risk that could be accepted: what may cost data is refused.
func newUpgradePartCommand(streams Streams, of func(*site.Site) bootstrap.Work, c *cobra.Command) *cobra.Command {
	var flags changeFlags
	c.Args = usageArgs(cobra.NoArgs)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.do(cmd, streams, func(s *site.Site) (bootstrap.Work, error) { return of(s), nil }, nil, "")
	}
	flags.add(c)
	flags.archived.add(c)
	return c
}
