// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// Choices are what an operator changes in a bundle, and what the site and the program add to it.
type Choices struct {
	Enable  []string // optional packages that are wanted
	Disable []string
	// Adopt names packages that take over what is there and belongs to others, see Package.Adopts.
	Adopt  []string
	Values map[string]map[string]any // by package, merged over everything else

	Facts Facts
	// Said names the facts that the operator gave, each by the place where: network.loadBalancer. One that no installed
	// package takes is refused. Nil: all are somebody's defaults.
	Said map[string]string

	// Charts are our own charts. Nil: packages made of them stay without a version, and their values are not checked.
	Charts Charts
}

// Charts are our own charts, each under its name. An unknown name is an error.
type Charts interface {
	Version(name string) (string, error)
	Values(name string) ([]byte, error)  // values.yaml
	Schema(name string) ([]byte, error)  // values.schema.json; nil: there is none
	Archive(name string) ([]byte, error) // the packed chart, .tgz

	// Pack makes a packed chart of files by their paths in it, Chart.yaml among them. The same files give the same bytes.
	Pack(files map[string][]byte) ([]byte, error)
}

// Plan is what will be installed. Everything in it is decided.
type Plan struct {
	Bundle   string `json:"bundle"`
	Title    string `json:"title"`
	Missing  string `json:"missing,omitempty"` // as in Set
	Platform string `json:"platform"`
	// Packages are in an order in which they could be installed one by one: the core first. Their Values, Needs, Images,
	// Patches and Health are final, DependsOn names packages of the plan only, After, With and DefaultsNeed are decided, and embedded charts have a version.
	Packages []Package         `json:"packages"`
	Core     []string          `json:"core"`           // the first len(Core) of Packages
	Off      []string          `json:"off,omitempty"`  // packages of the bundle that are not installed
	Talos    TalosRequirements `json:"talos,omitzero"` // of the bundle and all its packages
}

// Resolve turns a bundle and choices into a plan. It is pure: the same input gives the same plan. Everything wrong with
// the choices is reported at once, as *Problems, in the words of a site file: packages.disable[0] and so on.
func Resolve(catalog *Catalog, bundle string, choices Choices) (*Plan, error) {
	s, ok := catalog.Bundle(bundle)
	if !ok {
		found := &Problems{}
		found.add("", "bundle", bundle, "no such bundle%s; there are: %s",
			didYouMean(bundle, catalog.Bundles()), strings.Join(catalog.Bundles(), ", "))
		return nil, found
	}
	found := &Problems{}
	selected := choose(catalog, s, choices, found)
	if err := found.err(); err != nil {
		return nil, err
	}

	g := newGraph(catalog, s, selected)
	core := g.closure(s.Core)
	plan := &Plan{Bundle: s.Name, Title: s.Title, Missing: s.Missing, Platform: s.Platform}
	for _, name := range g.order(core) {
		p := *catalog.packages[name]
		p.Values = valuesOf(&p, s, catalog.known(p.Chart), selected, choices, found)
		p.Needs, p.DependsOn = needsOf(&p, selected), g.needs[name]
		p.Images = imagesIn(&p, selected, choices.Facts, found)
		p.Patches = patchesOn(p.Patches, s.Platform)
		p.Health.Conditions = healthConditions(&p)
		p.After, p.With, p.DefaultsNeed = nil, nil, nil
		p.Adopts = p.Adopts || slices.Contains(choices.Adopt, name)
		if p.Chart.Embedded != "" && choices.Charts != nil {
			version, err := choices.Charts.Version(p.Chart.Embedded)
			if err != nil {
				found.add(packageFile(name), "chart.embedded", p.Chart.Embedded, "%v", err)
			}
			p.Chart.Version = version
		}
		plan.Packages = append(plan.Packages, p)
		if core[name] {
			plan.Core = append(plan.Core, name)
		}
	}
	for _, member := range s.members() {
		if !selected[member.Name] {
			plan.Off = append(plan.Off, member.Name)
		}
	}
	checkSaid(catalog, s, plan.Packages, choices, found)
	plan.Talos = mergeTalos(s, plan.Packages, found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return plan, nil
}

func patchesOn(patches []Patch, platform string) []Patch {
	var out []Patch
	for _, p := range patches {
		if p.Platform == "" || p.Platform == platform {
			out = append(out, p)
		}
	}
	return out
}

// IsCore reports whether the package of that name belongs to the core.
func (p *Plan) IsCore(name string) bool { return slices.Contains(p.Core, name) }

// choose returns the packages that are installed.
func choose(catalog *Catalog, s *Set, choices Choices, found *Problems) map[string]bool {
	members := s.members()
	selected, known := map[string]bool{}, make([]string, 0, len(members))
	for _, member := range members {
		known = append(known, member.Name)
		selected[member.Name] = !member.Optional
	}
	for i, name := range choices.Enable {
		path := fmt.Sprintf("packages.enable[%d]", i)
		switch {
		case !slices.Contains(known, name):
			found.add("", path, name, "not a package of bundle %s%s", s.Name, didYouMean(name, known))
		case slices.Contains(choices.Disable, name):
			found.add("", path, name, "disabled as well")
		default:
			selected[name] = true
		}
	}
	for i, name := range choices.Disable {
		if !slices.Contains(known, name) {
			found.add("", fmt.Sprintf("packages.disable[%d]", i), name, "not a package of bundle %s%s", s.Name, didYouMean(name, known))
			continue
		}
		selected[name] = false
	}
	for i, name := range choices.Adopt {
		path := fmt.Sprintf("packages.adopt[%d]", i)
		switch {
		case !slices.Contains(known, name):
			found.add("", path, name, "not a package of bundle %s%s", s.Name, didYouMean(name, known))
		case !selected[name]:
			found.add("", path, name, "the package is not installed; enable it, or leave it out")
		}
	}
	for _, name := range sortedKeys(choices.Values) {
		if !slices.Contains(known, name) {
			found.add("", "packages.values."+name, nil, "not a package of bundle %s%s", s.Name, didYouMean(name, known))
		} else if !selected[name] {
			found.add("", "packages.values."+name, nil, "the package is not installed; enable it, or leave its values out")
		}
	}
	if len(found.Problems) == 0 {
		checkClosed(catalog, s, selected, choices, found)
		checkConflicts(catalog, selected, choices, found)
		checkDefaults(catalog, s, selected, choices, found)
	}
	if len(found.Problems) == 0 { // a choice may take away the CRDs of somebody who does not depend on their package by name
		prove(catalog, s, selected, func(name string, _ any, rule string, args ...any) {
			found.add("", "packages", name, rule, args...)
		})
	}
	return selected
}

// checkClosed refuses a choice that takes away what something else needs, with the chain that needs it.
func checkClosed(catalog *Catalog, s *Set, selected map[string]bool, choices Choices, found *Problems) {
	for i, name := range choices.Disable {
		path := fmt.Sprintf("packages.disable[%d]", i)
		with := map[string]bool{name: true}
		for other, isSelected := range selected {
			with[other] = with[other] || isSelected
		}
		g := graphOf(catalog, s, with, hardEdgesOf)
		if core := g.closure(s.Core); core[name] {
			found.add("", path, name, "belongs to the core of bundle %s, which everything else is installed by", s.Name)
		} else if chain := g.chain(name); len(chain) > 1 {
			found.add("", path, name, "is needed: %s; disable that too, or keep it", strings.Join(chain, " needs "))
		}
	}
	for i, name := range choices.Enable {
		for _, dependency := range catalog.packages[name].DependsOn {
			if !selected[dependency] && !slices.Contains(choices.Disable, dependency) {
				found.add("", fmt.Sprintf("packages.enable[%d]", i), name, "needs %q, which is optional too; enable both", dependency)
			}
		}
	}
}
