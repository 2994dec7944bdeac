// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// screen is what a terminal shows after it got text, without spaces at the ends of lines. It knows the control sequences that
// are used here, and no end of the screen.
func screen(text string) []string {
	var rows [][]rune
	row, column := 0, 0
	sequence := regexp.MustCompile("^\x1b\\[([0-9;]*)([A-Za-z])")
	for text != "" {
		for len(rows) <= row {
			rows = append(rows, nil)
		}
		if found := sequence.FindStringSubmatch(text); found != nil {
			text = text[len(found[0]):]
			switch found[2] {
			case "A":
				n, _ := strconv.Atoi(found[1])
				row -= max(n, 1)
			case "K", "J":
				rows[row] = rows[row][:min(column, len(rows[row]))]
				if found[2] == "J" {
					rows = rows[:row+1]
				}
			case "m":
			default:
				panic("the screen knows no " + strconv.Quote(found[0]))
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch r {
		case '\r':
			column = 0
		case '\n':
			row, column = row+1, 0
		default:
			for len(rows[row]) <= column {
				rows[row] = append(rows[row], ' ')
			}
			rows[row][column] = r
			column++
		}
	}
	out := make([]string, max(len(rows), row+1))
	for i, line := range rows {
		out[i] = strings.TrimRight(string(line), " ")
	}
	return out
}

func TestTheScreenOfTheTests(t *testing.T) {
	require.Equal(t, []string{"one", "twX", ""}, screen("one\nto\rtwice\nthree\x1b[1A\rtw\x1b[JX\n"))
}
