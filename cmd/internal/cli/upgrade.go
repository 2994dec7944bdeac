// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newUpgradeCommand(streams Streams) *cobra.Command {
	return newGroup("upgrade", "Upgrade a running site, one node at a time", newUpgradeTalosCommand(streams), newUpgradeKubernetesCommand(streams))
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

func newUpgradeKubernetesCommand(streams Streams) *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: "kubernetes", Short: "Upgrade Kubernetes to the version in the site file, one part and node at a time", Args: usageArgs(cobra.NoArgs),
		Long: "Upgrade Kubernetes to kubernetes.version, one minor version at a time, without a reboot: the API server, the controller\n" +
			"manager and the scheduler, each on one control plane after the other, then kube-proxy and the kubelets, and what Talos\n" +
			"furnishes a cluster with. The whole machine config of the site file is applied with it. Killed at any moment and run\n" +
			"again, it goes on where it was. Objects of APIs that the new version no longer serves are not looked for.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.do(cmd, streams, change{run: bootstrap.UpgradeKubernetes, plan: bootstrap.PlanUpgradeKubernetes}, nil)
		},
	}
	flags.add(c)
	return c
}
