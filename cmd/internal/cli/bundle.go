// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newBundleCommand(streams Streams) *cobra.Command {
	return newGroup("bundle", "Look at the bundles, and at the packages of a site", newBundleListCommand(streams),
		newBundleShowCommand(streams), newBundleGraphCommand(streams), newBundleImagesCommand(streams),
		newBundleVerifyCommand(streams), newBundleSaveCommand(streams), newBundleRemoveCommand(streams),
		newBundleDiffCommand(streams), newBundleInstallCommand(streams), newBundleStatusCommand(streams),
		newBundleServeCommand(streams))
}

// bundleRow is a bundle as `bundle list` shows it.
type bundleRow struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Packages int    `json:"packages"`
	// Missing says what the bundle does not contain yet; empty if it is complete.
	Missing string `json:"missing,omitempty"`
}

func newBundleListCommand(streams Streams) *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use: "list", Short: "List the bundles of this version", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			catalog, err := bundles.Load(bundles.Data())
			if err != nil {
				return err
			}
			rows := []bundleRow{}
			for _, name := range catalog.Bundles() {
				plan, err := defaultPlan(name)
				if err != nil {
					return err
				}
				rows = append(rows, bundleRow{Name: name, Title: plan.Title, Packages: len(plan.Packages), Missing: plan.Missing})
			}
			return output.print(streams.Out, rows, func() string { return bundleTable(rows) })
		},
	}
	output.add(c)
	return c
}

func bundleTable(rows []bundleRow) string {
	cells := make([][]string, 0, len(rows))
	for _, r := range rows {
		complete := "yes"
		if r.Missing != "" {
			complete = "not yet"
		}
		cells = append(cells, []string{r.Name, r.Title, fmt.Sprint(r.Packages), complete})
	}
	return ui.Table([]string{"BUNDLE", "WHAT", "PACKAGES", "COMPLETE"}, cells) + "\n"
}

func newBundleShowCommand(streams Streams) *cobra.Command {
	flags := bundleFlags{published: streams.Published}
	var output outputFlag
	c := &cobra.Command{
		Use: "show [BUNDLE]", Short: "Show what a bundle installs, and what it asks of Talos", Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := flags.plan(args)
			if err != nil {
				return err
			}
			s, err := flags.site(args)
			if err != nil {
				return err
			}
			return output.print(streams.Out, plan, func() string { return planDescription(plan, s.Packages.Disable) })
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

// planDescription is a plan for people; disabled are the packages that the site file turns off.
func planDescription(plan *bundles.Plan, disabled []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", plan.Bundle, plan.Title)
	if plan.Missing != "" {
		fmt.Fprintf(&b, "Not complete yet: %s\n", plan.Missing)
	}
	rows := make([][]string, 0, len(plan.Packages))
	for _, p := range plan.Packages {
		by := "Flux"
		if plan.IsCore(p.Name) {
			by = "the bastion (core)"
		}
		rows = append(rows, []string{p.Name, p.Namespace, p.Chart.ChartName() + " " + p.Chart.Version, by, strings.Join(p.DependsOn, ", ")})
	}
	b.WriteString("\n" + ui.Table([]string{"PACKAGE", "NAMESPACE", "CHART", "INSTALLED BY", "NEEDS"}, rows) + "\n")
	var turnedOff, optional []string
	for _, name := range plan.Off {
		if slices.Contains(disabled, name) {
			turnedOff = append(turnedOff, name)
		} else {
			optional = append(optional, name)
		}
	}
	if len(turnedOff) > 0 {
		fmt.Fprintf(&b, "\nTurned off by the site file: %s\n", strings.Join(turnedOff, ", "))
	}
	if len(optional) > 0 {
		fmt.Fprintf(&b, "\nOptional, off by default: %s\n", strings.Join(optional, ", "))
	}
	t := plan.Talos
	fmt.Fprintf(&b, "\nAsks of Talos: CNI %s, %d extensions, %d kernel modules, %d sysctls, %d files\n",
		t.CNI, len(t.Extensions), len(t.KernelModules), len(t.Sysctls), len(t.Files))
	return b.String()
}
