// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// changeFlags are the flags of every command that changes a running site step by step.
type changeFlags struct {
	site        siteFlags
	output      outputFlag
	progress    string
	nodeTimeout time.Duration
	dryRun      bool
	accept      []string // risks that are accepted without being asked for
	archived    archiveFlags
	packages    bool // it is about packages, which an existing cluster has too
}

func (f *changeFlags) add(c *cobra.Command) {
	f.site.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.progress, "progress", string(ui.Auto), "form of the progress on stderr: auto, plain or json")
	c.Flags().DurationVar(&f.nodeTimeout, "node-timeout", bootstrap.DefaultNodeTimeout, "how long machines may take for one step")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and change nothing")
}

// do plans or carries out a change. Agree is how a person agrees to its risks, by typing a name. Nil: it has none.
func (f *changeFlags) do(cmd *cobra.Command, streams Streams, of func(*site.Site) (bootstrap.Work, error), agree *agreeFlags, name string) error {
	if err := f.output.check(); err != nil {
		return err
	}
	var agreed bootstrap.Agreement
	if agree != nil {
		if err := agree.check(); err != nil {
			return err
		}
		agreed.Accept = agree.accept
		agreed.Confirm = func(planned bootstrap.PlannedChange) error { return agree.ask(streams, plannedText(planned), name) }
	}
	load := f.site.loadMachines
	if f.packages {
		load = f.site.load
	}
	options, err := load(streams)
	if err != nil {
		return err
	}
	if options.Archive, err = f.archived.load(); err != nil {
		return err
	}
	options.NodeTimeout, options.Accept = f.nodeTimeout, f.accept
	work, err := of(options.Site)
	if err != nil {
		return wrongNode(err)
	}
	if f.dryRun {
		planned, err := work.Plan(cmd.Context(), options)
		if err != nil {
			return err
		}
		return f.output.print(streams.Out, planned, func() string { return plannedText(planned) })
	}
	return f.carryOut(cmd.Context(), streams, options, work, agreed)
}

// carryOut shows the progress of a change, and what became of it.
func (f *changeFlags) carryOut(ctx context.Context, streams Streams, o bootstrap.Options, work bootstrap.Work, agreed bootstrap.Agreement) (err error) {
	if o.Sockets, err = netbootSockets(streams.Sockets); err != nil {
		return err
	}
	defer o.Sockets.Close()
	shown, err := ui.New(streams.Err, ui.Form(f.progress))
	if err != nil {
		return &UsageError{Err: err}
	}
	defer shown.Close()
	o.Reporter, o.Log = shown, f.site.logTo(shown, ui.Form(f.progress))
	outcome, err := work.Run(ctx, o, agreed)
	shown.Close()
	if err != nil && !isAnswer(err) {
		return err
	}
	return errors.Join(f.output.print(streams.Out, outcome, func() string { return changeText(outcome) }), err)
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
		b.WriteString("\n" + risksText(p.Risks))
	}
	return b.String()
}

func changeText(c bootstrap.Change) string {
	table, took := phasesText(c.Phases)
	return table + fmt.Sprintf("\n\nSite %s: %s: done after %s.\n", c.Site, c.Change, took)
}

// phasesText is a table of phases with the time that each took, and the sum of it.
func phasesText(phases []phase.Result) (table string, sum time.Duration) {
	rows := make([][]string, 0, len(phases))
	for _, p := range phases {
		took := p.Elapsed.Round(100 * time.Millisecond).String()
		if p.State == phase.Skipped {
			took = "was done"
		}
		rows = append(rows, []string{p.ID, p.Title, took})
		sum += p.Elapsed
	}
	return ui.Table([]string{"PHASE", "WHAT", "TOOK"}, rows), sum.Round(time.Second)
}
