// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newNodePowerCommand(streams Streams) *cobra.Command {
	return newGroup("power", "Switch a machine on or off through its management controller",
		newPowerCommand(streams, bootstrap.PowerStatus, "Say whether a machine is on"),
		newPowerCommand(streams, bootstrap.PowerOn, "Switch a machine on; one that is on stays as it is"),
		newPowerCommand(streams, bootstrap.PowerOff, "Cut a machine's power, unless it runs as a node"),
		newPowerCommand(streams, bootstrap.PowerCycle, "Reset a machine, unless it runs as a node; one that is off is switched on"))
}

func newPowerCommand(streams Streams, action bootstrap.PowerAction, short string) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var netboot, force bool
	c := &cobra.Command{
		Use: string(action) + " NODE", Short: short, Args: usageArgs(cobra.ExactArgs(1)),
		Long: short + ". The node needs bmc in the site file: Redfish or IPMI.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			view, err := bootstrap.Power(cmd.Context(), options, action, args[0], netboot, force)
			if missing := (*bootstrap.NoBMCError)(nil); errors.As(err, &missing) {
				return &UsageError{Err: err}
			}
			if err != nil {
				return wrongNode(err)
			}
			return output.print(streams.Out, view, func() string { return fmt.Sprintf("%s is %s\n", view.Node, view.Power) })
		},
	}
	flags.add(c)
	output.add(c)
	if action == bootstrap.PowerOn || action == bootstrap.PowerCycle {
		c.Flags().BoolVar(&netboot, "netboot", false, "boot from the network this time")
	}
	if action == bootstrap.PowerOff || action == bootstrap.PowerCycle {
		c.Flags().BoolVar(&force, "force", false, "also a machine that runs as a node, or as somebody else's")
	}
	return c
}
