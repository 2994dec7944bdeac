// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newUpCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var archived archiveFlags
	var agree agreeFlags
	var progress, from, until string
	var nodeTimeout time.Duration
	c := &cobra.Command{
		Use: "up", Short: "Bring a site up, or go on where an earlier run ended", Args: usageArgs(cobra.NoArgs),
		Long: "Bring a site up, or go on where an earlier run ended. It may be interrupted or killed at any moment and run again:\n" +
			"each phase looks at the world first and does what is missing.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			if options.Sockets, err = netbootSockets(streams.Sockets); err != nil {
				return err
			}
			defer options.Sockets.Close()
			shown, err := ui.New(streams.Err, ui.Form(progress))
			if err != nil {
				return &UsageError{Err: err}
			}
			defer shown.Close()
			if err := agree.check(); err != nil {
				return err
			}
			options.Accept = agree.accept
			if options.Archive, err = archived.load(); err != nil {
				return err
			}
			options.From, options.Until, options.NodeTimeout, options.Reporter = from, until, nodeTimeout, shown
			options.Log = flags.logTo(shown, ui.Form(progress))
			outcome, err := bootstrap.Up(cmd.Context(), options)
			shown.Close()
			if err != nil && !isAnswer(err) {
				return err
			}
			return errors.Join(output.print(streams.Out, outcome, func() string { return outcomeText(outcome) }), err)
		},
	}
	flags.add(c)
	flags.addNetboot(c)
	flags.addPackages(c)
	agree.addAccept(c)
	output.add(c)
	c.Flags().StringVar(&progress, "progress", string(ui.Auto), "form of the progress on stderr: auto, plain or json")
	archived.add(c)
	c.Flags().StringVar(&from, "from", "", "first phase to run (default: the first of all)")
	c.Flags().StringVar(&until, "until", "", "last phase to run (default: the last of all)")
	c.Flags().DurationVar(&nodeTimeout, "node-timeout", bootstrap.DefaultNodeTimeout, "how long machines may take for one step")
	return c
}

// isAnswer says that a run did everything but for what it names, nodes that it went on without or packages that stay: its
// outcome is an answer.
func isAnswer(err error) bool {
	var late *bootstrap.LateNodesError
	var kept *bootstrap.KeptError
	var failed *phase.Error
	return (errors.As(err, &late) || errors.As(err, &kept)) && !errors.As(err, &failed)
}

// outcomeText says what was built, how long each phase took, and how to look at it.
func outcomeText(o bootstrap.Outcome) string {
	var b strings.Builder
	table, total := phasesText(o.Phases)
	b.WriteString(table + "\n\n")
	if len(o.Late) > 0 {
		var rows [][]string
		for _, n := range o.Late {
			rows = append(rows, []string{n.Name, n.Role, n.Reason})
		}
		b.WriteString(ui.Table([]string{"LATE NODE", "ROLE", "REASON"}, rows) + "\n\n")
	}
	if len(o.Kept) > 0 {
		var rows [][]string
		for _, one := range o.Kept {
			rows = append(rows, []string{one.Name, one.Reason()})
		}
		b.WriteString(ui.Table([]string{"DISABLED AND KEPT", "REASON"}, rows) + "\n\n")
	}
	if !o.Complete {
		fmt.Fprintf(&b, "Site %s is part of the way up, after %s.\n", o.Site, total)
		return b.String()
	}
	fmt.Fprintf(&b, "Site %s is up with %s, after %s: %s", o.Site, o.Bundle, total, strings.Join(o.Packages, ", "))
	look := "nodes"
	if slices.ContainsFunc(o.Phases, func(r phase.Result) bool { return r.ID == "tenant-root" }) {
		b.WriteString("; tenant-root is Ready")
		look = "tenants -A"
	}
	fmt.Fprintf(&b, ".\n\n  export KUBECONFIG=%s\n  kubectl get %s\n", o.Kubeconfig, look)
	b.WriteString(rootText(o.Root))
	return b.String()
}

// rootText says what tenant-root offers: who answered at its URL, the DNS records to create, and the first administrator's way in.
func rootText(root *bootstrap.Root) string {
	if root == nil {
		return ""
	}
	var b strings.Builder
	if root.Unpublished != "" {
		fmt.Fprintf(&b, "\nThe URL of tenant-root was not asked for: %s.\n", root.Unpublished)
	}
	if root.URL != "" {
		fmt.Fprintf(&b, "\n%s answers at %s: %s. Its certificate is by %s.\n", root.URL, root.Address, root.Answer, root.Issuer)
		for _, why := range root.Silent {
			fmt.Fprintf(&b, "Not at every published address: %s.\n", why)
		}
		b.WriteString("Create these DNS records:\n\n")
		for _, record := range root.Records {
			fmt.Fprintf(&b, "  %s\n", record)
		}
	}
	if root.Kubeconfig != "" {
		fmt.Fprintf(&b, "\nThe first administrator of tenant-root has access for a day with:\n\n  export KUBECONFIG=%s\n", root.Kubeconfig)
	}
	return ui.Printable(b.String())
}
