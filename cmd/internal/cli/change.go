// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// changeFlags are the flags of every command that changes a running site step by step.
type changeFlags struct {
	site        siteFlags
	output      outputFlag
	progress    string
	nodeTimeout time.Duration
	dryRun      bool
}

func (f *changeFlags) add(c *cobra.Command) {
	f.site.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.progress, "progress", string(ui.Auto), "form of the progress on stderr: auto, plain or json")
	c.Flags().DurationVar(&f.nodeTimeout, "node-timeout", bootstrap.DefaultNodeTimeout, "how long machines may take for one step")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and change nothing")
}

// change is one change of package bootstrap, and its plan.
type change struct {
	run  func(context.Context, bootstrap.Options) (bootstrap.Change, error)
	plan func(context.Context, bootstrap.Options) (bootstrap.PlannedChange, error)
}

// do plans or carries out a change. Confirm is asked before anything is done, with the plan. Nil: nothing is to confirm.
func (f *changeFlags) do(cmd *cobra.Command, streams Streams, what change, confirm func(bootstrap.PlannedChange) error) error {
	if err := f.output.check(); err != nil {
		return err
	}
	options, err := f.site.load(streams)
	if err != nil {
		return err
	}
	options.NodeTimeout = f.nodeTimeout
	if f.dryRun || confirm != nil {
		planned, err := what.plan(cmd.Context(), options)
		if err != nil {
			return err
		}
		if f.dryRun {
			return f.output.print(streams.Out, planned, func() string { return plannedText(planned) })
		}
		if err := confirm(planned); err != nil {
			return err
		}
	}
	if options.Sockets, err = netbootSockets(streams.Sockets); err != nil {
		return err
	}
	defer options.Sockets.Close()
	shown, err := ui.New(streams.Err, ui.Form(f.progress))
	if err != nil {
		return &UsageError{Err: err}
	}
	defer shown.Close()
	options.Reporter, options.Log = shown, f.site.logTo(shown, ui.Form(f.progress))
	outcome, err := what.run(cmd.Context(), options)
	shown.Close()
	if err != nil {
		return err
	}
	return f.output.print(streams.Out, outcome, func() string { return changeText(outcome) })
}

// plannedText lists the steps of each phase, and what is at risk.
func plannedText(p bootstrap.PlannedChange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Site %s: %s.\n\n", p.Site, p.Change)
	for _, phase := range p.Phases {
		word := ""
		switch {
		case phase.Unknown != "":
			word = ": can't be told: " + phase.Unknown
		case phase.Done:
			word = ": is done"
		}
		fmt.Fprintf(&b, "%s%s\n", phase.Title, word)
		for _, step := range phase.Steps {
			fmt.Fprintf(&b, "  - %s\n", step)
		}
	}
	if len(p.Risks) > 0 {
		b.WriteString("\nRisks:\n")
		for _, risk := range p.Risks {
			fmt.Fprintf(&b, "  - %s\n", risk)
		}
	}
	return b.String()
}

func changeText(c bootstrap.Change) string {
	rows := make([][]string, 0, len(c.Phases))
	var total time.Duration
	for _, p := range c.Phases {
		took := p.Elapsed.Round(100 * time.Millisecond).String()
		if p.State == phase.Skipped {
			took = "was done"
		}
		rows = append(rows, []string{p.ID, p.Title, took})
		total += p.Elapsed
	}
	return ui.Table([]string{"PHASE", "WHAT", "TOOK"}, rows) +
		fmt.Sprintf("\n\nSite %s: %s: done after %s.\n", c.Site, c.Change, total.Round(time.Second))
}
