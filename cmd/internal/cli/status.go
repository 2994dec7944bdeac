// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// errUnhealthy makes status exit with 1 when it has shown something that is not as it should be.
var errUnhealthy = errors.New("the site is not healthy")

func newStatusCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var watch watchFlags
	c := &cobra.Command{
		Use: "status", Short: "Show how the site's nodes, packages and root tenant are", Args: usageArgs(cobra.NoArgs),
		Long: "Show how the site's nodes, packages and root tenant are, with a check of each node in each column. Nothing is changed.\n" +
			"The exit code is 1 if anything is not as it should be, or could not be asked.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(output.check(), watch.check()); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			if watch.wanted() {
				show := watch.view(streams.Out, output)
				return bootstrap.WatchStatus(cmd.Context(), options, watch.interval, show)
			}
			status, err := bootstrap.Look(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := output.print(streams.Out, status, func() string { return statusText(status) }); err != nil {
				return err
			}
			if !status.Healthy {
				return errUnhealthy
			}
			return nil
		},
	}
	flags.add(c)
	output.add(c)
	watch.add(c)
	return c
}

func statusText(s bootstrap.Status) string {
	var b strings.Builder
	nodes := make([][]string, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		nodes = append(nodes, []string{n.Name, n.Role, n.Address, n.Talos, yesNo(n.Ready), n.Reason})
	}
	b.WriteString(ui.Table([]string{"NODE", "ROLE", "ADDRESS", "TALOS", "READY", "REASON"}, nodes) + "\n\n")
	b.WriteString(healthText(s))
	packages := make([][]string, 0, len(s.Packages))
	for _, p := range s.Packages {
		packages = append(packages, []string{p.Name, p.State, p.Why()})
	}
	b.WriteString(ui.Table([]string{"PACKAGE", "STATE", "MESSAGE"}, packages) + "\n\n")
	if r := s.Registry; r != nil && r.Answers {
		fmt.Fprintf(&b, "Nodes get their images from the bastion's registry at %s, which has to stay.\n\n", r.Address)
	}
	if s.Root == nil {
		return strings.TrimSuffix(b.String(), "\n")
	}
	root := []string{"root", s.Root.Host, yesNo(s.Root.Ready), s.Root.Reason}
	b.WriteString(ui.Table([]string{"TENANT", "HOST", "READY", "REASON"}, [][]string{root}) + "\n")
	return b.String()
}

func yesNo(ready bool) string {
	if ready {
		return "yes"
	}
	return "no"
}
