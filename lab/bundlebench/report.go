// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bundles"
)

// maxRatio is the limit that the product promises.
const maxRatio = 1.15

// report is what an installation took.
type report struct {
	whole, core, rest time.Duration
	chain             []link // the longest, in order
	restChain         time.Duration
	packages          []link // by their begin
}

// link is a package, when its release began, counted from the begin of all, and how long it took.
type link struct {
	name       string
	after, own time.Duration
}

func newReport(plan *bundles.Plan, spans map[string]span, core, rest span) report {
	out := report{whole: rest.to.Sub(core.from), core: core.length(), rest: rest.length()}

	for _, p := range plan.Packages {
		one := spans[p.Name]
		out.packages = append(out.packages, link{p.Name, one.from.Sub(core.from), one.length()})
	}

	slices.SortStableFunc(out.packages, func(a, b link) int { return cmp.Compare(a.after, b.after) })

	for _, name := range longest(plan, spans, true) {
		out.chain = append(out.chain, link{name, spans[name].from.Sub(core.from), spans[name].length()})
	}

	for _, name := range longest(plan, spans, false) {
		out.restChain += spans[name].length()
	}

	return out
}

// longest is the chain of dependencies whose own times add up to the most, with the core or without. What is beyond the core
// depends on all of it.
func longest(plan *bundles.Plan, spans map[string]span, withCore bool) []string {
	until := map[string]time.Duration{}
	before := map[string]string{}
	last := ""

	for _, p := range plan.Packages { // in an order in which they could be installed
		if plan.IsCore(p.Name) && !withCore {
			continue
		}

		needs := slices.Clone(p.DependsOn)
		if !plan.IsCore(p.Name) {
			needs = append(needs, plan.Core...)
		}

		for _, need := range needs {
			if until[need] > until[before[p.Name]] {
				before[p.Name] = need
			}
		}

		until[p.Name] = until[before[p.Name]] + spans[p.Name].length()
		if until[p.Name] > until[last] {
			last = p.Name
		}
	}

	var chain []string
	for ; last != ""; last = before[last] {
		chain = append(chain, last)
	}

	slices.Reverse(chain)

	return chain
}

func (r report) chainTime() (sum time.Duration) {
	for _, one := range r.chain {
		sum += one.own
	}

	return sum
}

func (r report) ratio() float64 { return r.whole.Seconds() / r.chainTime().Seconds() }

func (r report) String() string {
	var out strings.Builder

	onChain := map[string]bool{}
	for _, one := range r.chain {
		onChain[one.name] = true
	}

	fmt.Fprint(&out, "A release's own time is from when its HelmRelease is there until it is ready; in the core, from its begin until it is ready.\n",
		"\n| package | begins s | own s | on the longest chain |\n|---|---|---|---|\n")

	for _, one := range r.packages {
		mark := ""
		if onChain[one.name] {
			mark = "yes"
		}

		fmt.Fprintf(&out, "| %s | %.1f | %.1f | %s |\n", one.name, one.after.Seconds(), one.own.Seconds(), mark)
	}

	fmt.Fprintf(&out, "\n| | took s | longest chain s | ratio | limit |\n|---|---|---|---|---|\n")
	fmt.Fprintf(&out, "| whole | %.1f | %.1f | %.3f | %.2f |\n", r.whole.Seconds(), r.chainTime().Seconds(), r.ratio(), maxRatio)
	fmt.Fprintf(&out, "| without the core | %.1f | %.1f | %.3f | |\n", r.rest.Seconds(), r.restChain.Seconds(), r.rest.Seconds()/r.restChain.Seconds())

	return out.String()
}

// missed is nil if the limit holds.
func (r report) missed() error {
	if r.ratio() > maxRatio {
		return fmt.Errorf("the whole took %.3f times its longest chain, the limit is %.2f", r.ratio(), maxRatio)
	}

	return nil
}
