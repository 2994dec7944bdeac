// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/talos"
)

func newResetCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var reset bootstrap.ResetOptions
	var agree agreeFlags
	var nodeTimeout time.Duration
	var dryRun bool
	c := &cobra.Command{
		Use: "reset [NODE...]", Short: "Wipe nodes, or the whole site, and wait until they are", Args: usageArgs(cobra.ArbitraryArgs),
		Long: "Wipe nodes of the site, all without names: their EPHEMERAL and STATE partitions, so that they come back in maintenance\n" +
			"mode. Talos itself stays on their disks. Each risk must be accepted by its name, and the site's name typed. Nodes of\n" +
			"other clusters are never touched. After a reset of all control planes, up makes a new, empty cluster with the same\n" +
			"secrets. With --keep-config only EPHEMERAL is wiped, as etcd restore wants it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(output.check(), agree.check()); err != nil {
				return err
			}
			site, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			site.NodeTimeout, reset.Nodes, reset.Accept = nodeTimeout, args, agree.accept
			if dryRun {
				plan, err := bootstrap.PlanReset(cmd.Context(), site, reset)
				if err != nil {
					return wrongNode(err)
				}
				return output.print(streams.Out, plan, func() string { return resetPlanText(plan) })
			}
			reset.Say = func(format string, values ...any) {
				fmt.Fprintln(streams.Err, ui.Printable(fmt.Sprintf(format, values...)))
			}
			reset.Confirm = func(plan bootstrap.ResetPlan) error {
				return agree.ask(streams, resetPlanText(plan), plan.Site)
			}
			result, err := bootstrap.Reset(cmd.Context(), site, reset)
			if len(result.Nodes) == 0 {
				return wrongNode(err)
			}
			return errors.Join(output.print(streams.Out, result, func() string { return resetText(result) }), err)
		},
	}
	flags.add(c)
	output.add(c)
	c.Flags().BoolVar(&reset.KeepConfig, "keep-config", false, "wipe EPHEMERAL only: the nodes come back by themselves, without etcd's data")
	c.Flags().BoolVar(&reset.AllDisks, "all-disks", false, "wipe all other disks of the nodes too")
	c.Flags().BoolVar(&reset.Force, "force", false, "neither drain the nodes nor let them leave etcd")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be wiped, in which order, and what is at risk, and change nothing")
	agree.add(c, "the site's name")
	c.Flags().DurationVar(&nodeTimeout, "node-timeout", bootstrap.DefaultNodeTimeout, "how long nodes may take to come back")
	return c
}

func resetPlanText(p bootstrap.ResetPlan) string {
	rows := make([][]string, 0, len(p.Nodes))
	for _, n := range p.Nodes {
		wipes, how := strings.Join(n.Wipes, ", "), "by force"
		switch {
		case wipes == "" && n.State != string(talos.Maintenance):
			wipes, how = "nothing: it can't be asked, and the reset fails for it", ""
		case wipes == "":
			wipes, how = "nothing", ""
		case n.Graceful:
			how = "drained, leaves etcd"
		}
		rows = append(rows, []string{n.Name, n.Role, n.Address, n.State, how, wipes})
	}
	order := make([]string, len(p.Order))
	for i, group := range p.Order {
		order[i] = strings.Join(group, " with ")
	}
	text := ui.Table([]string{"NODE", "ROLE", "ADDRESS", "STATE", "HOW", "WIPES"}, rows) + "\n\n"
	if len(order) > 1 {
		text += "In this order: " + strings.Join(order, ", then ") + "; it ends at a control plane that is not seen reset.\n\n"
	}
	return text + risksText(p.Risks)
}

func resetText(r bootstrap.ResetResult) string {
	rows := make([][]string, 0, len(r.Nodes))
	for _, n := range r.Nodes {
		rows = append(rows, []string{n.Node, n.State, n.Reason})
	}
	text := ui.Table([]string{"NODE", "STATE", "REASON"}, rows) + "\n"
	if r.Ended {
		text += "\nNo control plane of the cluster is left. up makes a new, empty one with the same secrets;\n" +
			"to take its data back instead: up --until install, then etcd restore.\n"
	}
	return text
}
