// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// unprovenError ends a verification after which not every package that was asked for is proven.
type unprovenError struct{ wrong, unseen, of int }

func (e *unprovenError) Error() string {
	var parts []string
	if e.wrong > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d packages are not what they say", e.wrong, e.of))
	}
	if e.unseen > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d packages were not looked at, as their charts can't be had", e.unseen, e.of))
	}
	return strings.Join(parts, "; ") + ": see above"
}

// Hint says how to look at less.
func (e *unprovenError) Hint() string {
	if e.unseen == 0 {
		return ""
	}
	return "`cozy-install bundle verify --offline` looks at our own charts alone"
}

// proven is nil if every package is, but for those whose charts nobody asked for.
func proven(verdicts []bundles.Verdict, offline bool) error {
	e := &unprovenError{wrong: inState(verdicts, bundles.VerifiedWrong), of: len(verdicts)}
	if !offline {
		e.unseen = inState(verdicts, bundles.VerifiedUnreachable)
	}
	if e.wrong+e.unseen == 0 {
		return nil
	}
	return e
}

// inState counts the packages of a state.
func inState(verdicts []bundles.Verdict, state string) int {
	n := 0
	for _, v := range verdicts {
		if v.State == state {
			n++
		}
	}
	return n
}

func newBundleVerifyCommand(streams Streams) *cobra.Command {
	var output outputFlag
	var offline bool
	var image string
	var charts chartFlags
	c := &cobra.Command{
		Use: "verify [BUNDLE...]", Short: "Prove bundles, and render every chart that can be had", Args: usageArgs(cobra.ArbitraryArgs),
		Long: "Prove bundles, all of them by default, with everything optional: that no dependency leaves them or goes round in a\n" +
			"circle, that whoever needs a kind comes after who brings it, and that charts know their values. Then render every\n" +
			"chart that can be had, and hold CRDs, images and privileges against what the package says. One that can't be had is not\n" +
			"wrong, but leaves its package unproven: the exit code is 1, unless --offline asked for no others than ours.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(output.check(), charts.check()); err != nil {
				return err
			}
			plans, err := fullPlans(args, func(s *site.Site) string { return releaseImage(image, streams.Published, s) })
			if err != nil {
				return err
			}
			verdicts, err := bootstrap.VerifyBundles(cmd.Context(), plans, charts.source, charts.follow, offline)
			if err != nil {
				return err
			}
			err = output.print(streams.Out, verdicts, func() string { return verdictTable(verdicts) })
			return errors.Join(err, proven(verdicts, offline))
		},
	}
	output.add(c)
	addControllerImage(c, &image)
	c.Flags().BoolVar(&offline, "offline", false, "render our own charts only")
	charts.add(c)
	return c
}

// fullPlans resolves bundles with everything optional, as a site that leaves the rest at its default has them, and with an image of
// cozy-controller.
func fullPlans(names []string, controller func(*site.Site) string) ([]*bundles.Plan, error) {
	catalog, err := bundles.Load(bundles.Data())
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = catalog.Bundles()
	}
	var out []*bundles.Plan
	for _, name := range names {
		s := exampleSite(name)
		if bundle, ok := catalog.Bundle(name); ok {
			s.Packages.Enable = bundle.Optional()
		}
		plan, err := bootstrap.ResolveBundle(s, controller(s))
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		out = append(out, plan)
	}
	return out, nil
}

func verdictTable(verdicts []bundles.Verdict) string {
	rows := make([][]string, 0, len(verdicts))
	unpinned := 0
	for _, v := range verdicts {
		pinned := "yes"
		if v.Unpinned {
			pinned = "no"
			unpinned++
		}
		rows = append(rows, []string{v.Bundle, v.Package, v.State, pinned, strings.Join(v.Problems, "; ")})
	}
	return ui.Table([]string{"BUNDLE", "PACKAGE", "CHART", "PINNED", "PROBLEMS"}, rows) + fmt.Sprintf(
		"\n\n%d of %d rendered, %d not looked at, %d not pinned by a digest. Closure, order, kinds and values hold.\n",
		inState(verdicts, bundles.VerifiedRendered), len(verdicts), inState(verdicts, bundles.VerifiedUnreachable), unpinned)
}
