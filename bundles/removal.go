// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// RemovalWish says what shall be taken away of what is on the cluster and not in the plan.
type RemovalWish struct {
	Names []string // of packages, see the errors of PlanRemoval. Empty: all
	// Off leaves out what is no package of the plan's bundle outside its core: what an operator has not turned off in the site
	// file, but what a change of the bundle or of this program left behind.
	Off bool
	// AcceptLoss takes away packages that hold data too.
	AcceptLoss bool
}

// Removal is what will be taken away, and what will not although the plan does not have it.
type Removal struct {
	Packages []Leaving `json:"packages"` // in the order in which they go: none before those that need it
	Kept     []Kept    `json:"kept,omitempty"`
	Others   []string  `json:"others,omitempty"` // that were not asked for
	// Namespaces may go afterwards, if we made them and nothing of anybody else is in them.
	Namespaces []string `json:"namespaces,omitempty"`

	accepted bool
}

// Leaving is a package that will be taken away.
type Leaving struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Chart     string `json:"chart,omitempty"` // version
	// Loses is what may be lost with it, in words. It was accepted.
	Loses []string `json:"loses,omitempty"`
	// Kinds are the CRDs that stay on the cluster: Helm leaves those of a chart's own directory, and those that a program
	// registered.
	Kinds []string `json:"kinds,omitempty"`

	installed Installed
}

// Kept is a package that stays although the plan does not have it, and why.
type Kept struct {
	Name  string   `json:"name"`
	Loses []string `json:"loses,omitempty"` // and nobody accepted it
	// NeededBy are packages that stay, and can't be without it.
	NeededBy []string `json:"neededBy,omitempty"`
}

// Reason is why, in words.
func (k Kept) Reason() string {
	if len(k.Loses) > 0 {
		return strings.Join(k.Loses, "; ")
	}
	return "needed by " + strings.Join(k.NeededBy, ", ")
}

// candidate is a package that the plan does not have, with what a decision is made of.
type candidate struct {
	Installed
	needs []string // packages that it can't be without, or that came before it
	asked bool
	loses []string
	kinds []string // that stay
}

// decide sorts candidates into those that go and those that stay. Needed is, by package, who on the cluster needs it besides
// the candidates.
func decide(candidates []candidate, needed map[string][]string, wish RemovalWish) *Removal {
	out := &Removal{Packages: []Leaving{}, accepted: wish.AcceptLoss}
	stays := map[string]Kept{}
	for _, one := range candidates {
		switch {
		case !one.asked:
			out.Others = append(out.Others, one.Name)
			stays[one.Name] = Kept{}
		case len(one.loses) > 0 && !wish.AcceptLoss:
			stays[one.Name] = Kept{Name: one.Name, Loses: one.loses}
		case len(needed[one.Name]) > 0:
			stays[one.Name] = Kept{Name: one.Name, NeededBy: needed[one.Name]}
		}
	}
	// Those that need come before those that are needed, so one pass sees every reason to stay.
	ordered := dependentsFirst(candidates)
	for _, one := range ordered {
		if _, isStaying := stays[one.Name]; !isStaying {
			continue
		}
		for _, name := range one.needs {
			if kept, already := stays[name]; !already || len(kept.NeededBy) > 0 {
				kept.Name, kept.NeededBy = name, append(kept.NeededBy, one.Name)
				stays[name] = kept
			}
		}
	}
	for _, one := range ordered {
		switch kept, isStaying := stays[one.Name]; {
		case !isStaying:
			out.Packages = append(out.Packages, Leaving{
				Name: one.Name, Namespace: one.Namespace, Chart: one.Chart, Loses: one.loses, Kinds: one.kinds, installed: one.Installed,
			})
		case one.asked:
			out.Kept = append(out.Kept, kept)
		}
	}
	return out
}

// dependentsFirst orders candidates so that none comes before those that need it; what was installed from the bastion, which
// all others need, comes last. A circle, which two versions of a bundle may make together, is cut somewhere.
func dependentsFirst(candidates []candidate) []candidate {
	at := map[string]int{}
	for i, one := range candidates {
		at[one.Name] = i
	}
	var out []candidate
	seen := make([]bool, len(candidates))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, name := range candidates[i].needs {
			if j, ok := at[name]; ok {
				visit(j)
			}
		}
		out = append(out, candidates[i])
	}
	for _, flux := range []bool{false, true} {
		for i := range candidates {
			if candidates[i].byFlux() == flux {
				visit(i)
			}
		}
	}
	slices.Reverse(out)
	return out
}

// EnabledError says that packages were to be removed which the plan has: they would be brought back.
type EnabledError struct {
	Bundle string
	Names  []string
}

func (e *EnabledError) Error() string {
	return fmt.Sprintf("not removed, because bundle %s has them: %s", e.Bundle, strings.Join(e.Names, ", "))
}

// Hint says how to take them out of it.
func (e *EnabledError) Hint() string {
	return "the next up would bring them back: disable them in the site file first (packages: {disable: [" +
		strings.Join(e.Names, ", ") + "]}, or take optional ones out of packages.enable), then run the same command again"
}

// UnknownPackagesError says that packages were to be removed which are neither on the cluster nor known.
type UnknownPackagesError struct{ Names, Installed []string }

func (e *UnknownPackagesError) Error() string {
	lines := make([]string, len(e.Names))
	for i, name := range e.Names {
		lines[i] = fmt.Sprintf("%q: no such package%s", name, didYouMean(name, e.Installed))
	}
	return strings.Join(lines, "; ")
}

// Hint says what there is to remove.
func (e *UnknownPackagesError) Hint() string {
	if len(e.Installed) == 0 {
		return "nothing is on the cluster that the site file does not have"
	}
	return "on the cluster and not in the site file: " + strings.Join(e.Installed, ", ")
}
