// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newBundleRemoveCommand(streams Streams) *cobra.Command {
	var flags packageFlags
	var agree agreeFlags
	c := &cobra.Command{
		Use: "remove [PACKAGE...]", Short: "Remove packages that the site file does not have any more", Args: usageArgs(cobra.ArbitraryArgs),
		Long: "Remove packages that are on the cluster and that the site file does not have, all of them without names: those that\n" +
			"need others first, each gone before the next begins. What will go is shown before, and the site's name must be typed.\n" +
			"A package that the site file has is refused: the next up would bring it back. One that holds data, or brings kinds of\n" +
			"which there are objects, stays unless --accept-risk data-loss is given. Killed at any moment and run again, it goes on.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(flags.output.check(), agree.check()); err != nil {
				return err
			}
			options, err := flags.site.load(streams)
			if err != nil {
				return err
			}
			remove := bootstrap.RemoveOptions{Packages: args, Accept: agree.accept}
			if flags.dryRun {
				plan, err := bootstrap.PlanRemoval(cmd.Context(), options, remove)
				if err != nil {
					return wrongPackage(err)
				}
				return flags.output.print(streams.Out, plan, func() string { return removalText(plan) })
			}
			remove.Confirm = func(plan bootstrap.RemovalPlan) error { return agree.ask(streams, removalText(plan), plan.Site) }
			shown, err := ui.New(streams.Err, ui.Form(flags.progress))
			if err != nil {
				return &UsageError{Err: err}
			}
			defer shown.Close()
			options.Reporter, options.Log = shown, flags.site.logTo(shown, ui.Form(flags.progress))
			result, err := bootstrap.RemovePackages(cmd.Context(), options, remove)
			shown.Close()
			if len(result.Phases) == 0 || err != nil && !isAnswer(err) {
				return wrongPackage(err)
			}
			return errors.Join(flags.output.print(streams.Out, result, func() string { return removedText(result) }), err)
		},
	}
	flags.add(c)
	agree.add(c, "the site's name")
	return c
}

// wrongPackage makes a wrong name a mistake of the command line.
func wrongPackage(err error) error {
	if unknown := (*bundles.UnknownPackagesError)(nil); errors.As(err, &unknown) {
		return &UsageError{Err: err}
	}
	return err
}

func removalText(p bootstrap.RemovalPlan) string {
	var b strings.Builder
	if len(p.Packages) == 0 {
		fmt.Fprintf(&b, "Site %s: nothing is to be removed.\n", p.Site)
	} else {
		fmt.Fprintf(&b, "Site %s: remove, in this order:\n\n%s\n", p.Site, leavingTable(p.Packages))
	}
	b.WriteString(staysText(p))
	if len(p.Namespaces) > 0 {
		fmt.Fprintf(&b, "\nNamespaces that go too, unless they hold what no package made: %s\n", strings.Join(p.Namespaces, ", "))
	}
	if kinds := kindsLeft(p.Packages); len(kinds) > 0 {
		fmt.Fprintf(&b, "\nKinds that stay, as Helm leaves them: %s\n", strings.Join(kinds, ", "))
	}
	if len(p.Risks) > 0 {
		b.WriteString("\n" + risksText(p.Risks))
	}
	return b.String()
}

func leavingTable(packages []bundles.Leaving) string {
	rows := make([][]string, len(packages))
	for i, one := range packages {
		rows[i] = []string{fmt.Sprint(i + 1), one.Name, one.Namespace, one.Chart}
	}
	return ui.Table([]string{"#", "PACKAGE", "NAMESPACE", "CHART"}, rows)
}

// staysText names what stays although the site file does not have it.
func staysText(p bootstrap.RemovalPlan) string {
	var b strings.Builder
	for _, one := range p.Kept {
		fmt.Fprintf(&b, "\n%s stays: %s\n", one.Name, one.Reason())
	}
	if len(p.Others) > 0 {
		fmt.Fprintf(&b, "\nNot asked for, and stay: %s\n", strings.Join(p.Others, ", "))
	}
	return b.String()
}

func kindsLeft(packages []bundles.Leaving) []string {
	var out []string
	for _, one := range packages {
		out = append(out, one.Kinds...)
	}
	return out
}

func removedText(r bootstrap.RemovalResult) string {
	var b strings.Builder
	names := make([]string, len(r.Packages))
	for i, one := range r.Packages {
		names[i] = one.Name
	}
	_, took := phasesText(r.Phases)
	if len(names) == 0 {
		fmt.Fprintf(&b, "Site %s: nothing was to be removed.\n", r.Site)
	} else {
		fmt.Fprintf(&b, "Site %s: removed after %s: %s.\n", r.Site, took, strings.Join(names, ", "))
	}
	b.WriteString(staysText(r.RemovalPlan))
	if kinds := kindsLeft(r.Packages); len(kinds) > 0 {
		fmt.Fprintf(&b, "\nThese kinds are left, as Helm leaves them; once nothing is in them:\n  kubectl delete crd %s\n", strings.Join(kinds, " "))
	}
	return b.String()
}
