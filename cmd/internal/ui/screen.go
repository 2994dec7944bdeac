// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-isatty"
)

// Screen shows one text in place of the last, from the top of a terminal.
type Screen struct {
	out  io.Writer
	size func() (columns, lines int) // 0: unknown
}

// NewScreen is the screen that w is; nil if w is no terminal.
func NewScreen(w io.Writer) *Screen {
	file, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return nil
	}
	return &Screen{out: w, size: func() (columns, lines int) { return sizeOf(file) }}
}

// Control sequences of ECMA-48: where to write, and what to clear. Lines are overwritten one by one, so nothing flickers.
const (
	home      = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// Show draws a text, cut to what fits on the screen.
func (s *Screen) Show(text string) error {
	columns, height := s.size()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if height > 1 && len(lines) >= height {
		more := len(lines) - (height - 2)
		lines = append(lines[:height-2:height-2], fmt.Sprintf("... and %d more lines", more))
	}
	for i := range lines {
		if columns > 0 {
			lines[i] = lipgloss.NewStyle().MaxWidth(columns).Render(lines[i])
		}
	}
	_, err := io.WriteString(s.out, home+strings.Join(lines, clearLine+"\n")+clearLine+"\n"+clearRest)
	return err
}
