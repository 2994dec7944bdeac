// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newEtcdRestoreCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var restore bootstrap.RestoreOptions
	var agree agreeFlags
	var nodeTimeout time.Duration
	var dryRun bool
	c := &cobra.Command{
		Use: "restore SNAPSHOT", Short: "Start the cluster's lost etcd anew from a snapshot", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Start the cluster's lost etcd anew from a snapshot, on one control plane, and wait until the others have joined. It is\n" +
			"refused unless every control plane of the site file answers and has no data of etcd any more: while its etcd runs, or\n" +
			"could again, a second one would split the cluster. What is lost for good is wiped with cozy-install reset --keep-config.\n" +
			"Each risk must be accepted by its name, and the site's name typed.\n" +
			"Interrupted or killed, it goes on when run again with the same snapshot; up refuses to start an empty etcd until then.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(output.check(), agree.check()); err != nil {
				return err
			}
			site, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			site.NodeTimeout, restore.File, restore.Accept = nodeTimeout, args[0], agree.accept
			if dryRun {
				plan, err := bootstrap.PlanRestore(cmd.Context(), site, restore)
				if err != nil {
					return wrongNode(err)
				}
				return output.print(streams.Out, plan, func() string { return restorePlanText(plan) })
			}
			restore.Say = func(format string, values ...any) {
				fmt.Fprintln(streams.Err, ui.Printable(fmt.Sprintf(format, values...)))
			}
			restore.Confirm = func(plan bootstrap.RestorePlan) error {
				return agree.ask(streams, restorePlanText(plan), plan.Site)
			}
			restored, err := bootstrap.Restore(cmd.Context(), site, restore)
			if err != nil {
				return wrongNode(err)
			}
			return output.print(streams.Out, restored, func() string {
				return fmt.Sprintf("etcd runs again, from %s on %s; its members: %s\n", restored.File, restored.Node, strings.Join(restored.Members, ", "))
			})
		},
	}
	flags.add(c)
	output.add(c)
	addIdentity(c, &restore.IdentityFile)
	c.Flags().StringVar(&restore.Node, "node", "", "control plane to restore on (default: the one on which etcd was bootstrapped)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check the snapshot and every control plane, show what would be done, and change nothing")
	agree.add(c, "the site's name")
	c.Flags().DurationVar(&nodeTimeout, "node-timeout", bootstrap.DefaultNodeTimeout, "how long each step may take")
	return c
}

func restorePlanText(p bootstrap.RestorePlan) string {
	text := fmt.Sprintf("etcd of %s starts anew on %s from %s (%s, sha256 %s).\n",
		p.Site, p.Node, p.File, humanize.IBytes(uint64(max(0, p.Bytes))), p.SHA256)
	if p.Begun {
		text += "An earlier run began it, and was agreed to then: this one goes on.\n"
	}
	if len(p.Joins) > 0 {
		text += "Then it is waited until these have joined: " + strings.Join(p.Joins, ", ") + ".\n"
	}
	if len(p.Later) > 0 {
		text += "Without a config yet, and joined by the next up: " + strings.Join(p.Later, ", ") + ".\n"
	}
	return text + "\n" + risksText(p.Risks)
}
