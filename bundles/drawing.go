// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// Drawing is a plan as people look at it: packages in columns, each right of all it depends on.
type Drawing struct {
	Bundle  string
	Columns [][]string // names; the core in the first ones
	// Edges lead from a package to those it waits for, without those that follow from others.
	Edges map[string][]string
	core  map[string]bool
}

// legend is what every form of a drawing says beside the packages.
const legend = "The core is installed first; everything else waits for all of it."

// Draw lays a plan out. Everything outside the core waits for the whole core, which is not drawn as edges.
func Draw(plan *Plan) *Drawing {
	d := &Drawing{Bundle: plan.Bundle, Edges: map[string][]string{}, core: map[string]bool{}}
	needs, column := map[string][]string{}, map[string]int{}
	first := 0 // column of packages that depend on nothing outside the core
	for _, p := range plan.Packages {
		d.core[p.Name] = plan.IsCore(p.Name)
		if !d.core[p.Name] {
			column[p.Name] = first
		}
		for _, other := range p.DependsOn {
			if d.core[other] == d.core[p.Name] {
				needs[p.Name] = append(needs[p.Name], other)
				column[p.Name] = max(column[p.Name], column[other]+1)
			}
		}
		if d.core[p.Name] {
			first = max(first, column[p.Name]+1)
		}
		for len(d.Columns) <= column[p.Name] {
			d.Columns = append(d.Columns, nil)
		}
		d.Columns[column[p.Name]] = append(d.Columns[column[p.Name]], p.Name)
	}
	for name, direct := range needs {
		d.Edges[name] = withoutIndirect(direct, needs)
	}
	return d
}

// withoutIndirect leaves out what another one of direct depends on, however far.
func withoutIndirect(direct []string, needs map[string][]string) []string {
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		for _, next := range needs[name] {
			if !reached[next] {
				reached[next] = true
				reach(next)
			}
		}
	}
	for _, name := range direct {
		reach(name)
	}
	return slices.DeleteFunc(slices.Clone(direct), func(name string) bool { return reached[name] })
}

// Text is a line for each package with what it waits for, in an order of installation.
func (d *Drawing) Text() string {
	var out strings.Builder
	for _, column := range d.Columns {
		for _, name := range column {
			out.WriteString(name)
			if d.core[name] {
				out.WriteString(" (core)")
			}
			if needs := d.Edges[name]; len(needs) > 0 {
				out.WriteString(" <- " + strings.Join(needs, ", "))
			}
			out.WriteString("\n")
		}
	}
	out.WriteString("\n" + legend + " A <- B: A waits for B.\n")
	return out.String()
}

// DOT is the plan in the language of Graphviz.
func (d *Drawing) DOT() string {
	var out strings.Builder
	fmt.Fprintf(&out, "digraph %q {\n  rankdir=LR\n  label=%q\n  node [shape=box, style=rounded]\n", d.Bundle, "Filled: the core. "+legend)
	for _, column := range d.Columns {
		for _, name := range column {
			shape := ""
			if d.core[name] {
				shape = ` [style="rounded,filled"]`
			}
			fmt.Fprintf(&out, "  %q%s\n", name, shape)
		}
	}
	for _, column := range d.Columns {
		for _, name := range column {
			for _, other := range d.Edges[name] {
				fmt.Fprintf(&out, "  %q -> %q\n", other, name)
			}
		}
	}
	out.WriteString("}\n")
	return out.String()
}
