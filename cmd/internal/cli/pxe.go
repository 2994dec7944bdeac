// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newPXECommand(streams Streams) *cobra.Command {
	return newGroup("pxe", "Netboot machines, and see how they boot",
		newPXEServeCommand(streams),
		newPXEStatusCommand(streams),
		newPXEExplainCommand(streams),
		newPXEApproveCommand(streams),
		newPXEReinstallCommand(streams),
	)
}

func newPXEServeCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	c := &cobra.Command{
		Use: "serve", Short: "Serve DHCP, TFTP and HTTP to the machines of a site until interrupted",
		Long: "Serve DHCP, TFTP and HTTP to the machines of a site until interrupted. Ports that systemd hands over (socket units\n" +
			"named dhcp, proxy, tftp and http) are used; the others are opened.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			if options.Sockets, err = netbootSockets(streams.Sockets); err != nil {
				return err
			}
			defer options.Sockets.Close()
			return bootstrap.ServeNetboot(cmd.Context(), options, func(line string) { fmt.Fprintln(streams.Err, line) })
		},
	}
	flags.add(c)
	flags.addNetboot(c)
	return c
}

func newPXEStatusCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "status", Short: "Show the machines that netboot, how far each has come, and what was noticed on the network",
		Long: "Show the machines that netboot, how far each has come, and what was noticed on the network, as the server inside a\n" +
			"running up or pxe serve has it, or the last one had it.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := lookAtNetboot(streams, &flags, output)
			if err != nil {
				return err
			}
			return output.print(streams.Out, status, func() string { return netbootText(cmd, status, time.Now()) })
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

// lookAtNetboot checks the flags of a command that tells what the netboot server saw, and reads it.
func lookAtNetboot(streams Streams, flags *siteFlags, output outputFlag) (bootstrap.NetbootStatus, error) {
	if err := output.check(); err != nil {
		return bootstrap.NetbootStatus{}, err
	}
	options, err := flags.loadMachines(streams)
	if err != nil {
		return bootstrap.NetbootStatus{}, err
	}
	return bootstrap.LookAtNetboot(options)
}

func newPXEExplainCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "explain <mac, node or code>", Short: "Explain how a machine boots, packet by packet, and why it does not go on",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			status, err := lookAtNetboot(streams, &flags, output)
			if err != nil {
				return err
			}
			found, err := status.Find(args[0])
			if err != nil {
				return err
			}
			return output.print(streams.Out, found, func() string { return explainText(cmd, found) })
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func newPXEApproveCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var undo bool
	c := &cobra.Command{
		Use: "approve <code or mac>", Short: "Let a machine netboot that is not in the site file; it is never configured",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			found, err := bootstrap.ApproveMachine(options, args[0], undo)
			if err != nil {
				return err
			}
			outcome := "may netboot; the server answers it when it asks again"
			if undo {
				outcome = "is not answered any more"
			}
			fmt.Fprintf(streams.Out, "%s (%s) %s\n", found.MAC, found.Code, outcome)
			return nil
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&undo, "undo", false, "take an approval back")
	return c
}

func newPXEReinstallCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var undo bool
	c := &cobra.Command{
		Use: "reinstall <node>", Short: "Let an installed node boot Talos from the network again instead of its disk",
		Long: "Let an installed node boot Talos from the network again instead of its disk, until it is given its config anew. Nothing is\n" +
			"erased: Talos takes up a config that it finds on the disk. It is for a node whose disk was replaced or wiped.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			if err := bootstrap.Reinstall(options, args[0], undo); err != nil {
				return err
			}
			outcome := "boots Talos from the network when it netboots next"
			if undo {
				outcome = "boots from its disk again"
			}
			fmt.Fprintf(streams.Out, "%s %s\n", args[0], outcome)
			return nil
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&undo, "undo", false, "let it boot from its disk again")
	return c
}
