// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Table lays out rows below a header in columns set apart by spaces, as kubectl does, without a line end after the last
// row. Control characters in cells are replaced. Short rows end in empty cells; no rows leave the header alone.
func Table(header []string, rows [][]string) string {
	writer := table.NewWriter()
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: "   "}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = 0 // as given
	writer.SetStyle(style)
	writer.AppendHeader(cells(header))
	for _, row := range rows {
		writer.AppendRow(cells(row))
	}
	lines := strings.Split(writer.Render(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, text := range texts {
		row[i] = line(text)
	}
	return row
}
