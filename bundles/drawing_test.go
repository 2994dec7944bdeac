// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/xml"
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
	require.Equal(t, "z (core)\nk (core) <- z\na\nd\nb <- a\nc <- b\n", d.Text(), "c needs a anyway, by b")
	require.Equal(t, `digraph "b" {
  rankdir=LR
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
		at, width, height := d.places()
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
	}
}
