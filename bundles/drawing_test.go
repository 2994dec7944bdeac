// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drawn is core z and k; a; b after a; c after a and b; d.
func drawn(t *testing.T) *Drawing {
	t.Helper()
	return Draw(planOf(t, "k", pkg("z"), pkg("k", "dependsOn: [z]"), pkg("a", "dependsOn: [z]"), pkg("b", "dependsOn: [a]"),
		pkg("c", "dependsOn: [a, b]"), pkg("d")))
}

func TestADrawingHasEachPackageRightOfWhatItNeeds(t *testing.T) {
	d := drawn(t)
	require.Equal(t, [][]string{{"z"}, {"k"}, {"a", "d"}, {"b"}, {"c"}}, d.Columns)
	require.Equal(t, "z (core)\nk (core) <- z\na\nd\nb <- a\nc <- b\n\n"+legend+" A <- B: A waits for B.\n", d.Text(), "c needs a anyway, by b")
	require.Equal(t, `digraph "b" {
  rankdir=LR
  label="Filled: the core. `+legend+`"
  node [shape=box, style=rounded]
  "z" [style="rounded,filled"]
  "k" [style="rounded,filled"]
  "a"
  "d"
  "b"
  "c"
  "z" -> "k"
  "a" -> "b"
  "b" -> "c"
}
`, d.DOT())
}

func TestAPictureHasABoxForEachPackageAndNoTwoOverlap(t *testing.T) {
	for _, plan := range shipped(t) {
		d := Draw(plan)
		picture := d.SVG()
		require.NoError(t, xml.Unmarshal([]byte(picture), new(struct{})))
		places := d.picture()
		at, width, height := places.boxes, places.width, places.height
		require.Len(t, at, len(plan.Packages))
		for name, p := range at {
			require.Contains(t, picture, ">"+name+"</text>")
			require.LessOrEqual(t, p.x+boxWidth, width)
			require.LessOrEqual(t, p.y+boxHeight, height)
			for other, q := range at {
				apart := name == other || p.x != q.x || p.y+boxHeight <= q.y || q.y+boxHeight <= p.y
				require.True(t, apart, "%s and %s", name, other)
			}
		}
		require.Equal(t, strings.Count(picture, "<path"), strings.Count(d.DOT(), " -> "))
		requireLinesBetweenBoxes(t, d, places)
	}
}

// A line that ran behind a box would seem to lead there.
func requireLinesBetweenBoxes(t *testing.T, d *Drawing, p *picture) {
	t.Helper()
	for name, needs := range d.Edges {
		for _, other := range needs {
			for x := p.column[other] + 1; x < p.column[name]; x++ {
				y, passes := p.lanes[other][x]
				require.True(t, passes, "%s to %s has no place in column %d", other, name, x)
				require.Contains(t, p.line(other, name), fmt.Sprintf("%d %d H%d", left(x), y, left(x)+boxWidth))
				for _, box := range d.Columns[x] {
					require.False(t, p.boxes[box].y <= y && y <= p.boxes[box].y+boxHeight, "%s to %s runs behind %s", other, name, box)
				}
			}
		}
	}
}
