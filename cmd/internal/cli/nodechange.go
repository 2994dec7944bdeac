// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

func newNodeAddCommand(streams Streams) *cobra.Command {
	return newNodeChangeCommand(streams, nodeChange{
		verb: "add", short: "Bring one more node of the site file into the running site", of: bootstrap.AddNode, netboots: true,
		long: "Bring one more node of the site file into the running site: the machine is netbooted, gets its config, installs itself,\n" +
			"and is waited for until it is Ready. No other machine is touched. Control planes join one at a time: the others must\n" +
			"be members of etcd, and the new one is waited for until it has a vote.",
	})
}

func newNodeRemoveCommand(streams Streams) *cobra.Command {
	return newNodeChangeCommand(streams, nodeChange{
		verb: "remove", short: "Take a node out of the running site", of: bootstrap.RemoveNode, loses: true,
		long: "Take a node out of the running site: it is drained, leaves etcd, is wiped, and is forgotten by Kubernetes. Of a machine\n" +
			"that does not answer only the traces are removed. It is refused when etcd would lose its quorum, for the last control\n" +
			"plane, and for a machine of another cluster. Each risk must be accepted by its name, and the node's name typed.\n" +
			"Afterwards remove the node from the site file, or up brings it back.",
	})
}

func newNodeReplaceCommand(streams Streams) *cobra.Command {
	return newNodeChangeCommand(streams, nodeChange{
		verb: "replace", short: "Put another machine in the place of a dead one", of: bootstrap.ReplaceNode, netboots: true, loses: true,
		long: "Put another machine in the place of a dead one, under the same name and address: set its mac, serial and disk in the\n" +
			"site file first. What etcd and Kubernetes know of the former machine is removed, then the new one is brought in as\n" +
			"node add does it. It is refused while the former machine runs. Each risk must be accepted by its name, and the node's\n" +
			"name typed.",
	})
}

// nodeChange is what the commands that change one node differ in.
type nodeChange struct {
	verb, short, long string
	of                func(*site.Site, string) (bootstrap.Work, error)
	netboots          bool // a machine is brought in
	loses             bool // something may be lost by it
}

func newNodeChangeCommand(streams Streams, change nodeChange) *cobra.Command {
	var flags changeFlags
	var agree *agreeFlags
	c := &cobra.Command{
		Use: change.verb + " NODE", Short: change.short, Long: change.long, Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			of := func(s *site.Site) (bootstrap.Work, error) { return change.of(s, args[0]) }
			return flags.do(cmd, streams, of, agree, args[0])
		},
	}
	flags.add(c)
	if change.netboots {
		flags.site.addNetboot(c)
		flags.archived.add(c)
	}
	if change.loses {
		agree = &agreeFlags{}
		agree.add(c, "the node's name")
	}
	return c
}
