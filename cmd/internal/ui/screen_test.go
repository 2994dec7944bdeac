// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAScreenIsCutToTheTerminal(t *testing.T) {
	var out bytes.Buffer
	screen := &Screen{out: &out, size: func() (int, int) { return 20, 4 }}
	require.NoError(t, screen.Show("one\ntwo is longer than 20\nthree\nfour\nfive\n"))
	require.Equal(t, "\x1b[Hone\x1b[K\ntwo is longer than 2\x1b[K\n... and 3 more lines\x1b[K\n\x1b[J", out.String())
	out.Reset()
	require.NoError(t, screen.Show("one\ntwo\n"))
	require.Equal(t, "\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J", out.String())
	out.Reset()
	screen.size = func() (int, int) { return 0, 0 }
	require.NoError(t, screen.Show(strings.Repeat("wide ", 100)+"\nnext"))
	require.Contains(t, out.String(), "next", "a terminal that does not say how large it is gets everything")
	require.Nil(t, NewScreen(&out), "a buffer is no terminal")
}
