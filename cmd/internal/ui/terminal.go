// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// up is the control sequence of ECMA-48 that puts the cursor some lines higher. Zero lines count as one there.
const up = "\x1b[%dA"

// terminal keeps one line for the running phase, and below it a row for each item that the phase works on, repainted every
// second. It leaves one line for each phase that ended, and the rows of what was not ready when one failed.
type terminal struct {
	mu    sync.Mutex
	out   io.Writer
	size  func() (columns, lines int) // 0: unknown
	pulse pulse
	style func(phase.State) lipgloss.Style

	current phase.Event // of the running phase
	since   time.Time   // when it started; zero: none runs
	rows    rows
	painted int // lines that are on the screen; the cursor is at the end of the last
}

func newTerminal(out io.Writer, size func() (columns, lines int)) *terminal {
	renderer := lipgloss.NewRenderer(out)
	return &terminal{out: out, size: size, style: func(state phase.State) lipgloss.Style {
		style := renderer.NewStyle()
		switch state {
		case phase.Done:
			return style.Foreground(lipgloss.Color("2"))
		case phase.Failed:
			return style.Foreground(lipgloss.Color("1")).Bold(true)
		case phase.Skipped:
			return style.Faint(true)
		}
		return style.Foreground(lipgloss.Color("6"))
	}}
}

// sizeOf gives the size of a terminal, 0 if it does not say.
func sizeOf(file *os.File) (columns, lines int) {
	columns, lines, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, lines
}

// Report draws an event.
func (t *terminal) Report(e phase.Event) {
	running := e.State == phase.Started || e.State == phase.Waiting
	if !running {
		t.pulse.end()
	}
	starts := t.draw(e, running)
	if starts {
		t.pulse.begin(time.Second, t.repaint)
	}
}

// draw draws an event and tells whether a phase starts running with it.
func (t *terminal) draw(e phase.Event, running bool) (starts bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if running {
		if starts = t.since.IsZero(); starts {
			t.since, t.rows = time.Now().Add(-e.Elapsed), rows{}
		}
		if e.Item != nil {
			t.rows.take(*e.Item, time.Now())
			e.Message = "" // its row says it
		}
		t.current = e
		t.paint()
		return starts
	}
	t.erase()
	if e.State == phase.Failed || e.State == phase.Stopped {
		left, items := t.rows.unready(time.Now())
		for i, text := range left {
			fmt.Fprintln(t.out, t.row(text, items[i]))
		}
	}
	t.since, t.rows = time.Time{}, rows{}
	text := describe(e)
	if took(e) {
		text += "  " + short(e.Elapsed)
	}
	fmt.Fprintf(t.out, "%s%s\n", t.style(e.State).Width(9).Render(string(e.State)), text)
	return false
}

func (t *terminal) repaint() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paint()
}

// paint draws the running phase's line and rows, cut to the terminal's size: a line that wraps can't be erased, nor can one
// that has left the screen.
func (t *terminal) paint() {
	if t.since.IsZero() {
		return
	}
	now, columns, height := time.Now(), 80, 24 // what a terminal has had since there were any
	if c, h := t.size(); c > 0 && h > 0 {
		columns, height = c, h
	}
	text := describe(t.current)
	if count := t.rows.summary(); count != "" {
		text += ": " + count
	}
	lines := []string{t.style(phase.Started).Width(9).Render("running") + short(now.Sub(t.since).Truncate(time.Second)) + "  " + text}
	table, items := t.rows.draw(now, height-2)
	for i, row := range table {
		lines = append(lines, t.row(row, items[i]))
	}
	for i := range lines {
		lines[i] = lipgloss.NewStyle().MaxWidth(max(columns-1, 1)).Render(lines[i])
	}
	fmt.Fprint(t.out, t.top(), strings.Join(lines, clearLine+"\n"), clearRest) // overwritten, so nothing flickers
	t.painted = len(lines)
}

// row is a line of the table of items, indented below the phase.
func (t *terminal) row(text string, item *phase.Item) string {
	if item == nil {
		return "  " + text
	}
	return "  " + t.style(item.Is).Render(text)
}

// erase takes what is painted off the screen.
func (t *terminal) erase() {
	if t.painted > 0 {
		fmt.Fprint(t.out, t.top(), clearRest)
		t.painted = 0
	}
}

// top puts the cursor to where the painted lines begin.
func (t *terminal) top() string {
	if t.painted < 2 {
		return "\r"
	}
	return fmt.Sprintf(up, t.painted-1) + "\r"
}

// Write puts other text above the running phase's line. The text should end with its line.
func (t *terminal) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	n, err := t.out.Write(text)
	t.paint()
	return n, err
}

// Close takes away the line of a phase that never ended.
func (t *terminal) Close() {
	t.pulse.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	t.since = time.Time{}
}
