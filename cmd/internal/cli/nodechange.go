// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

// changeOf makes a change of a node's name.
func changeOf(
	name string,
	run func(context.Context, bootstrap.Options, string) (bootstrap.Change, error),
	plan func(context.Context, bootstrap.Options, string) (bootstrap.PlannedChange, error),
) change {
	return change{
		run: func(ctx context.Context, o bootstrap.Options) (bootstrap.Change, error) { return run(ctx, o, name) },
		plan: func(ctx context.Context, o bootstrap.Options) (bootstrap.PlannedChange, error) {
			return plan(ctx, o, name)
		},
	}
}

func newNodeAddCommand(streams Streams) *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: "add NODE", Short: "Bring one more node of the site file into the running site", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Bring one more node of the site file into the running site: the machine is netbooted, gets its config, installs itself,\n" +
			"and is waited for until it is Ready. No other machine is touched. Control planes join one at a time: the others must\n" +
			"be members of etcd, and the new one is waited for until it has a vote.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return wrongNode(flags.do(cmd, streams, changeOf(args[0], bootstrap.AddNode, bootstrap.PlanAddNode), nil))
		},
	}
	flags.add(c)
	flags.site.addNetboot(c)
	return c
}

func newNodeRemoveCommand(streams Streams) *cobra.Command {
	var flags changeFlags
	var confirm confirmFlag
	c := &cobra.Command{
		Use: "remove NODE", Short: "Take a node out of the running site", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Take a node out of the running site: it is drained, leaves etcd, is wiped, and is forgotten by Kubernetes. Of a machine\n" +
			"that does not answer only the traces are removed. It is refused when etcd would lose its quorum, for the last control\n" +
			"plane, and for a machine of another cluster. What storage and network packages want done before is shown, not done.\n" +
			"Afterwards remove the node from the site file, or up brings it back.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return wrongNode(flags.do(cmd, streams, changeOf(args[0], bootstrap.RemoveNode, bootstrap.PlanRemoveNode),
				func(planned bootstrap.PlannedChange) error {
					return confirm.ask(streams, plannedText(planned), args[0])
				}))
		},
	}
	flags.add(c)
	confirm.add(c)
	return c
}

func newNodeReplaceCommand(streams Streams) *cobra.Command {
	var flags changeFlags
	var confirm confirmFlag
	c := &cobra.Command{
		Use: "replace NODE", Short: "Put another machine in the place of a dead one", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Put another machine in the place of a dead one, under the same name and address: set its mac, serial and disk in the\n" +
			"site file first. What etcd and Kubernetes know of the former machine is removed, then the new one is brought in as\n" +
			"node add does it. It is refused while the former machine runs.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return wrongNode(flags.do(cmd, streams, changeOf(args[0], bootstrap.ReplaceNode, bootstrap.PlanReplaceNode),
				func(planned bootstrap.PlannedChange) error {
					return confirm.ask(streams, plannedText(planned), args[0])
				}))
		},
	}
	flags.add(c)
	flags.site.addNetboot(c)
	confirm.add(c)
	return c
}
