// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"strings"
)

// prove checks that a selection of a bundle's packages can be installed: no dependency leaves it, none goes round in a
// circle, each CRD has one provider, and whoever needs one comes after it. Problems are reported under the package's name.
func prove(catalog *Catalog, s *Set, selected map[string]bool, problem report) {
	g := newGraph(catalog, s, selected)
	closed := true
	for _, name := range g.names {
		for _, dependency := range catalog.packages[name].DependsOn {
			if !selected[dependency] {
				problem(name, nil, "needs %q, which is not there", dependency)
				closed = false
			}
		}
	}
	if !closed {
		return
	}
	if circle := g.circle(); circle != nil {
		problem(circle[0], nil, "depends on itself: %s", strings.Join(circle, " needs "))
		return
	}
	proveCRDs(catalog, s, g, selected, problem)
}

func proveCRDs(catalog *Catalog, s *Set, g *graph, selected map[string]bool, problem report) {
	provider := map[string]string{}
	for _, name := range g.names {
		for _, crd := range catalog.packages[name].Provides {
			if other, twice := provider[crd.Name]; twice {
				problem(name, nil, "brings %s, and so does %q", crd.Name, other)
				continue
			}
			provider[crd.Name] = name
		}
	}
	core := g.closure(s.Core)
	for _, name := range g.names {
		before := g.closure([]string{name})
		for _, crd := range needsOf(catalog.packages[name], selected) {
			brings, ok := provider[crd]
			switch {
			case !ok:
				problem(name, nil, "needs %s, which no package of the bundle brings", crd)
			case brings == name, before[brings], core[brings] && !core[name]:
			default:
				problem(name, nil, "needs %s of %q without depending on it", crd, brings)
			}
		}
	}
}

// graph is the selected packages of a bundle and what they depend on among themselves.
type graph struct {
	names []string            // in the order of the bundle's layers
	needs map[string][]string // what each comes after: only selected ones; sorted
}

func newGraph(catalog *Catalog, s *Set, selected map[string]bool) *graph {
	return graphOf(catalog, s, selected, edgesOf)
}

func graphOf(catalog *Catalog, s *Set, selected map[string]bool, edges func(*Package) []string) *graph {
	g := &graph{needs: map[string][]string{}}
	for _, member := range s.members() {
		if !selected[member.Name] {
			continue
		}
		g.names = append(g.names, member.Name)
		for _, dependency := range edges(catalog.packages[member.Name]) {
			if selected[dependency] {
				g.needs[member.Name] = append(g.needs[member.Name], dependency)
			}
		}
	}
	return g
}

// edgesOf lists all packages that p comes after where they are there, sorted.
func edgesOf(p *Package) []string {
	out := slices.Concat(p.DependsOn, p.After, sortedKeys(p.With))
	slices.Sort(out)
	return slices.Compact(out)
}

// hardEdgesOf lists the packages that p can't be without.
func hardEdgesOf(p *Package) []string { return slices.Sorted(slices.Values(p.DependsOn)) }

// needsOf lists the CRDs p needs beside the selected packages.
func needsOf(p *Package, selected map[string]bool) []string {
	out := slices.Clone(p.Needs)
	for _, other := range sortedKeys(p.With) {
		if selected[other] {
			out = append(out, p.With[other].Needs...)
		}
	}
	return out
}

// closure is roots and everything they need, directly or not.
func (g *graph) closure(roots []string) map[string]bool {
	seen := map[string]bool{}
	queue := slices.Clone(roots)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		queue = append(queue, g.needs[name]...)
	}
	return seen
}

// circle returns a circle of dependencies, its first package repeated at the end; nil if there is none.
func (g *graph) circle() []string {
	const open, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		switch state[name] {
		case done:
			return nil
		case open:
			return append(slices.Clone(path[slices.Index(path, name):]), name)
		}
		state[name] = open
		path = append(path, name)
		for _, next := range g.needs[name] {
			if circle := visit(next); circle != nil {
				return circle
			}
		}
		path = path[:len(path)-1]
		state[name] = done
		return nil
	}
	for _, name := range g.names {
		if circle := visit(name); circle != nil {
			return circle
		}
	}
	return nil
}

// order lists the packages that first holds, then the others, each after all it needs; among those that could come next,
// the one that stands first in the bundle. The graph must have no circle, and first must be closed.
func (g *graph) order(first map[string]bool) []string {
	var out []string
	placed := map[string]bool{}
	for _, isFirst := range []bool{true, false} {
		for {
			next := slices.IndexFunc(g.names, func(name string) bool {
				return first[name] == isFirst && !placed[name] &&
					!slices.ContainsFunc(g.needs[name], func(dependency string) bool { return !placed[dependency] })
			})
			if next < 0 {
				break
			}
			placed[g.names[next]] = true
			out = append(out, g.names[next])
		}
	}
	return out
}

// chain is a shortest way from a package that nobody needs down to name: [top ... name].
func (g *graph) chain(name string) []string {
	users := map[string][]string{}
	for _, user := range g.names {
		for _, dependency := range g.needs[user] {
			users[dependency] = append(users[dependency], user)
		}
	}
	queue := [][]string{{name}}
	seen := map[string]bool{name: true}
	for len(queue) > 0 {
		way := queue[0]
		queue = queue[1:]
		if len(users[way[0]]) == 0 {
			return way
		}
		for _, user := range users[way[0]] {
			if !seen[user] {
				seen[user] = true
				queue = append(queue, append([]string{user}, way...))
			}
		}
	}
	return []string{name}
}
