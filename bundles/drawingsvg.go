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

// SVG is the plan as a picture: the core filled, the rest in columns to its right.
func (d *Drawing) SVG() string {
	at, width, height := d.places()
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	out.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&out, `<text x="%d" y="%d" font-size="16" font-weight="bold">%s</text>`+"\n", margin, margin+8, escaped(d.Bundle))
	for _, column := range d.Columns {
		for _, name := range column {
			for _, other := range d.Edges[name] {
				writeEdge(&out, at[other], at[name])
			}
		}
	}
	for _, column := range d.Columns {
		for _, name := range column {
			fill := "#f4f6f8"
			if d.core[name] {
				fill = "#cfe3ff"
			}
			p := at[name]
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="#5b6b7b"/>`+"\n", p.x, p.y, boxWidth, boxHeight, fill)
			fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", p.x+boxWidth/2, p.y+17, escaped(name))
		}
	}
	out.WriteString("</svg>\n")
	return out.String()
}

// places puts each package near the middle of what it depends on, so that lines cross little.
func (d *Drawing) places() (at map[string]point, width, height int) {
	at = map[string]point{}
	for x, column := range d.Columns {
		want := map[string]int{}
		for i, name := range column {
			sum, needs := i*(boxHeight+rowGap)+margin+titleHeight, d.Edges[name]
			if len(needs) > 0 {
				sum = 0
				for _, other := range needs {
					sum += at[other].y
				}
				sum /= len(needs)
			}
			want[name] = sum
		}
		sorted := slices.Clone(column)
		slices.SortStableFunc(sorted, func(a, b string) int { return want[a] - want[b] })
		y := margin + titleHeight
		for _, name := range sorted {
			at[name] = point{margin + x*(boxWidth+columnGap), max(y, want[name])}
			y = at[name].y + boxHeight + rowGap
			height = max(height, y+margin)
		}
	}
	return at, 2*margin + len(d.Columns)*(boxWidth+columnGap) - columnGap, height
}

func writeEdge(out *strings.Builder, from, to point) {
	x1, y1, x2, y2 := from.x+boxWidth, from.y+boxHeight/2, to.x, to.y+boxHeight/2
	middle := (x1 + x2) / 2
	fmt.Fprintf(out, `<path d="M%d %d C%d %d %d %d %d %d" fill="none" stroke="#9aa7b4"/>`+"\n", x1, y1, middle, y1, middle, y2, x2, y2)
}

func escaped(text string) string {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(text)); err != nil {
		return "" // a strings.Builder takes everything
	}
	return out.String()
}
