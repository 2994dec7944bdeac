// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newPlanCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var archived archiveFlags
	c := &cobra.Command{
		Use: "plan", Short: "Say what up would do, changing nothing", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			if options.Archive, err = archived.load(); err != nil {
				return err
			}
			planned, err := bootstrap.Plan(cmd.Context(), options)
			if err != nil {
				return err
			}
			return output.print(streams.Out, planned, func() string { return planText(cmd, planned) })
		},
	}
	flags.add(c)
	flags.addNetboot(c)
	flags.controller.add(c)
	archived.add(c)
	output.add(c)
	return c
}

func planText(said *cobra.Command, p bootstrap.Planned) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Site %s, bundle %s\n\n", p.Site, p.Bundle)
	for i, phase := range p.Phases {
		mark := "to do"
		switch {
		case phase.Done:
			mark = "done"
		case phase.Unknown != "":
			mark = "not known yet"
		}
		fmt.Fprintf(&b, "%2d. %-12s %s (%s)\n", i+1, phase.ID, phase.Title, mark)
		for _, step := range phase.Steps {
			fmt.Fprintf(&b, "      %s\n", copyable(said, step))
		}
		if phase.Unknown != "" {
			fmt.Fprintf(&b, "      %s\n", phase.Unknown)
		}
	}
	fmt.Fprintf(&b, "\nPackages: %s\n", strings.Join(p.Packages, ", "))
	if len(p.NotYetUsed) > 0 {
		fmt.Fprintf(&b, "\nAccepted but not yet used by this version:\n")
		for _, field := range p.NotYetUsed {
			fmt.Fprintf(&b, "  %s\n", field)
		}
	}
	return b.String()
}
