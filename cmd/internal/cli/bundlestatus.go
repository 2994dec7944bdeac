// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// errUnwell makes bundle status exit with 1 when it has shown something that is not as it should be.
var errUnwell = errors.New("the packages are not as the site file has them")

func newBundleStatusCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "status", Short: "Show how the packages of a site are", Args: usageArgs(cobra.NoArgs),
		Long: "Show how the packages of a site are, those included that are on the cluster and not in the site file. Nothing is\n" +
			"changed. The exit code is 1 if any is not as it should be, or could not be asked.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			status, err := bootstrap.LookAtBundle(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := output.print(streams.Out, status, func() string { return bundleStatusText(cmd, status, time.Now()) }); err != nil {
				return err
			}
			if !status.Healthy {
				return errUnwell
			}
			return nil
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func bundleStatusText(said *cobra.Command, s bootstrap.BundleStatus, now time.Time) string {
	rows := make([][]string, 0, len(s.Packages))
	var foreign []string
	for _, p := range s.Packages {
		message, age := p.Why(), ""
		if !p.Planned {
			foreign = append(foreign, p.Name)
			message = strings.TrimSuffix("not in the site file; "+message, "; ")
		}
		if !p.Since.IsZero() {
			age = now.Sub(p.Since).Truncate(time.Second).String()
		}
		rows = append(rows, []string{p.Name, p.State, p.Chart, age, message})
	}
	text := ui.Table([]string{"PACKAGE", "STATE", "CHART", "AGE", "MESSAGE"}, rows) + "\n"
	if len(foreign) > 0 {
		text += fmt.Sprintf("\nOn the cluster and not in the site file: %s\n  %s\n", strings.Join(foreign, ", "),
			copyable(said, "cozy-install bundle remove --dry-run"))
	}
	return text
}

func newBundleDiffCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "diff", Short: "Show what bundle install would change on the cluster", Args: usageArgs(cobra.NoArgs),
		Long: "Show what bundle install would add, change, repair and remove on the cluster, and what the site file does not have\n" +
			"and it would keep, with why; values that look like secrets are redacted. Nothing is changed. The exit code is 0 if all is\n" +
			"as the site file has it, and 1 if anything differs or could not be compared.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			diffs, err := bootstrap.DiffBundle(cmd.Context(), options)
			if err != nil {
				return err
			}
			return errors.Join(output.print(streams.Out, diffs, func() string { return bundleDiffText(diffs) }), bootstrap.DifferentPackages(diffs))
		},
	}
	flags.add(c)
	output.add(c)
	flags.addPackages(c)
	return c
}

func bundleDiffText(diffs []bundles.PackageDiff) string {
	if len(diffs) == 0 {
		return "nothing differs: all packages are as the site file has them\n"
	}
	var b strings.Builder
	for _, d := range diffs {
		b.WriteString(d.Change + " " + d.Package)
		if d.Reason != "" {
			b.WriteString(": " + ui.Printable(d.Reason))
		}
		b.WriteString("\n")
		for _, field := range d.Fields {
			b.WriteString("    " + ui.Printable(field.String()) + "\n")
		}
	}
	return b.String()
}
