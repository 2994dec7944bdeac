// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newEtcdCommand(streams Streams) *cobra.Command {
	return newGroup("etcd", "Decide about the site's etcd, and keep snapshots of it",
		newEtcdChooseCommand(streams), newEtcdSnapshotCommand(streams), newEtcdRestoreCommand(streams))
}

func newEtcdChooseCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "choose NODE", Short: "Choose another control plane for etcd's bootstrap, before it was called",
		Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Choose another control plane for etcd's bootstrap, where the one chosen before is lost. It is refused as soon as that\n" +
			"one was asked to bootstrap, and unless every control plane of the site file answers and has no etcd: a second\n" +
			"bootstrap would make a second cluster. The next up bootstraps etcd on the node.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			chosen, err := bootstrap.ChooseBootstrapNode(cmd.Context(), options, args[0])
			if err != nil {
				return wrongNode(err)
			}
			return output.print(streams.Out, chosen, func() string {
				return copyable(cmd, fmt.Sprintf("etcd will be bootstrapped on %s: run cozy-install up\n", chosen.Node))
			})
		},
	}
	flags.add(c)
	output.add(c)
	return c
}
