// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Sizes of the drawing, in pixels.
const (
	boxWidth, boxHeight = 190, 26
	columnGap, rowGap   = 70, 12
	margin, titleHeight = 24, 40
)

type point struct{ x, y int }

// picture is where everything of a drawing is.
type picture struct {
	column map[string]int
	boxes  map[string]point // upper left corners
	// lanes are where lines pass columns between a package and who waits for it, by package and column: they would seem to
	// lead from box to box if they ran behind those.
	lanes         map[string]map[int]int
	width, height int
}

// SVG is the plan as a picture: the core filled, the rest in columns to its right.
func (d *Drawing) SVG() string {
	p := d.picture()
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		p.width, p.height, p.width, p.height)
	out.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&out, `<text x="%d" y="%d" font-size="16" font-weight="bold">%s`+"\n", margin, margin+8, escaped(d.Bundle))
	fmt.Fprintf(&out, `<tspan dx="16" font-size="12" font-weight="normal">Filled: the core. %s</tspan></text>`+"\n", escaped(legend))
	for _, column := range d.Columns {
		for _, name := range column {
			for _, other := range d.Edges[name] {
				fmt.Fprintf(&out, `<path d="%s" fill="none" stroke="#9aa7b4"/>`+"\n", p.line(other, name))
			}
		}
	}
	for _, column := range d.Columns {
		for _, name := range column {
			fill := "#f4f6f8"
			if d.core[name] {
				fill = "#cfe3ff"
			}
			at := p.boxes[name]
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="#5b6b7b"/>`+"\n", at.x, at.y, boxWidth, boxHeight, fill)
			fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", at.x+boxWidth/2, at.y+17, escaped(name))
		}
	}
	out.WriteString("</svg>\n")
	return out.String()
}

// picture puts each package, and each line that passes a column, near the middle of what it comes from, so that lines cross little.
func (d *Drawing) picture() *picture {
	p := &picture{
		column: map[string]int{}, boxes: map[string]point{}, lanes: map[string]map[int]int{},
		width: 2*margin + len(d.Columns)*(boxWidth+columnGap) - columnGap,
	}
	for x, column := range d.Columns {
		for _, name := range column {
			p.column[name], p.lanes[name] = x, map[int]int{}
		}
	}
	for x, column := range d.Columns {
		rows := slices.Concat(column, d.passing(x, p.column))
		want := d.wanted(rows, x, p)
		slices.SortStableFunc(rows, func(a, b string) int { return want[a] - want[b] })
		top := margin + titleHeight
		for _, name := range rows {
			if p.column[name] != x { // it passes
				p.lanes[name][x] = max(top, want[name])
				top = p.lanes[name][x] + rowGap
				continue
			}
			p.boxes[name] = point{left(x), max(top, want[name]-boxHeight/2)}
			top = p.boxes[name].y + boxHeight + rowGap
		}
		p.height = max(p.height, top+margin)
	}
	return p
}

// wanted is the height that each row of a column would have if it were alone there.
func (d *Drawing) wanted(rows []string, x int, p *picture) map[string]int {
	want := map[string]int{}
	for i, name := range rows {
		needs := d.Edges[name]
		switch {
		case p.column[name] != x:
			want[name] = p.leaves(name, x)
		case len(needs) == 0:
			want[name] = i*(boxHeight+rowGap) + margin + titleHeight + boxHeight/2
		default:
			sum := 0
			for _, other := range needs {
				sum += p.leaves(other, x)
			}
			want[name] = sum / len(needs)
		}
	}
	return want
}

// passing are the packages whose lines pass a column: they are left of it, and somebody right of it waits for them.
func (d *Drawing) passing(x int, column map[string]int) []string {
	var out []string
	for _, later := range d.Columns[x+1:] {
		for _, name := range later {
			for _, other := range d.Edges[name] {
				if column[other] < x && !slices.Contains(out, other) {
					out = append(out, other)
				}
			}
		}
	}
	return out
}

// leaves is the height at which the package's lines come to a column.
func (p *picture) leaves(name string, x int) int {
	if p.column[name] == x-1 {
		return p.boxes[name].y + boxHeight/2
	}
	return p.lanes[name][x-1]
}

// line leads from a package to one that waits for it.
func (p *picture) line(from, to string) string {
	path := fmt.Sprintf("M%d %d", left(p.column[from])+boxWidth, p.leaves(from, p.column[from]+1))
	for x := p.column[from] + 1; x < p.column[to]; x++ {
		path += curve(p, from, x, p.lanes[from][x]) + fmt.Sprintf(" H%d", left(x)+boxWidth)
	}
	return path + curve(p, from, p.column[to], p.boxes[to].y+boxHeight/2)
}

// curve crosses the gap before a column.
func curve(p *picture, from string, x, y int) string {
	middle := left(x) - columnGap/2
	return fmt.Sprintf(" C%d %d %d %d %d %d", middle, p.leaves(from, x), middle, y, left(x), y)
}

func left(column int) int { return margin + column*(boxWidth+columnGap) }

func escaped(text string) string {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(text)); err != nil {
		return "" // a strings.Builder takes everything
	}
	return out.String()
}
