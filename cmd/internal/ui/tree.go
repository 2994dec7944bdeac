// SPDX-License-Identifier: Apache-2.0

package ui

import "github.com/jedib0t/go-pretty/v6/list"

// Branch is one line of a tree and what hangs below it.
type Branch struct {
	Text  string
	Below []Branch
}

// Tree draws branches, without a line end after the last line.
func Tree(branches []Branch) string {
	w := list.NewWriter()
	w.SetStyle(list.StyleConnectedLight)
	grow(w, branches)
	return w.Render()
}

func grow(w list.Writer, branches []Branch) {
	for _, b := range branches {
		w.AppendItem(line(b.Text))
		w.Indent()
		grow(w, b.Below)
		w.UnIndent()
	}
}
