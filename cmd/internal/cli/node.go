// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/talos"
)

func newNodeCommand(streams Streams) *cobra.Command {
	return newGroup("node", "Look at the machines of a site, and approve them",
		newNodeListCommand(streams), newNodeShowCommand(streams), newNodeApproveCommand(streams), newNodePowerCommand(streams),
		newNodeAddCommand(streams), newNodeRemoveCommand(streams), newNodeReplaceCommand(streams))
}

func newNodeListCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "list", Short: "Show how each machine of the site answers, and others with Talos", Args: usageArgs(cobra.NoArgs),
		Long: "Show how each machine of the site answers: in maintenance mode, as ours, as a foreign one, or not at all. The node\n" +
			"network is looked through for machines that answer on the Talos port; those that are of no node of the site are listed\n" +
			"too, and never touched. The exit code is 1 if a machine does not fit the site file.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			nodes, err := bootstrap.Nodes(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := output.print(streams.Out, nodes, func() string { return nodeTable(nodes) }); err != nil {
				return err
			}
			return bootstrap.Faults(nodes)
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func newNodeShowCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var address string
	c := &cobra.Command{
		Use: "show NODE | --address ADDRESS", Short: "Show a machine's hardware, and how it was started",
		Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: "Show a machine's hardware, what is on its disks, and how it was started, as the machine itself tells it. With --address\n" +
			"it is whoever answers there, also a machine of no node of the site. The exit code is 1 if it does not fit the site file.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			node, err := oneMachine(cmd.Context(), options, args, address)
			if err != nil {
				return wrongNode(err)
			}
			if err := output.print(streams.Out, node, func() string { return nodeDescription(node) }); err != nil {
				return err
			}
			return bootstrap.Faults([]bootstrap.NodeView{node})
		},
	}
	flags.add(c)
	output.add(c)
	c.Flags().StringVar(&address, "address", "", "look at whoever answers at this address")
	return c
}

func oneMachine(ctx context.Context, options bootstrap.Options, args []string, address string) (bootstrap.NodeView, error) {
	if (len(args) == 1) == (address != "") {
		return bootstrap.NodeView{}, &UsageError{Err: errors.New("name a node or give --address, one of them")}
	}
	if address == "" {
		nodes, err := bootstrap.Nodes(ctx, options, args[0])
		if err != nil {
			return bootstrap.NodeView{}, err
		}
		return nodes[0], nil
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return bootstrap.NodeView{}, &UsageError{Err: fmt.Errorf("--address %q: not an address such as 10.0.0.5", address)}
	}
	return bootstrap.MachineAt(ctx, options, addr)
}

func newNodeApproveCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var fingerprint string
	c := &cobra.Command{
		Use: "approve NODE", Short: "Approve a control plane by the fingerprint on its console", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Approve a control plane by the fingerprint on its console, while up waits for it in the same work directory\n" +
			"(netboot.approve: fingerprint). Read it from the machine itself: its screen, its serial console or its BMC, not from\n" +
			"the network. Only the machine that has it gets the node's config. An approval is for one boot of the machine.",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			approved, err := bootstrap.ApproveNode(options, args[0], fingerprint)
			if err != nil {
				return wrongNode(err)
			}
			return output.print(streams.Out, approved, func() string {
				return fmt.Sprintf("%s is approved with the fingerprint %s\n", approved.Node, approved.Fingerprint)
			})
		},
	}
	flags.add(c)
	output.add(c)
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "the fingerprint on the machine's console, 44 characters")
	return c
}

// wrongNode makes a wrong usage of an error that the arguments are to blame for.
func wrongNode(err error) error {
	var unknown *bootstrap.UnknownNodeError
	var needless *bootstrap.NoApprovalNeededError
	var malformed *talos.FingerprintError
	if errors.As(err, &unknown) || errors.As(err, &needless) || errors.As(err, &malformed) {
		return &UsageError{Err: err}
	}
	return err
}
