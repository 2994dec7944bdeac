// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// erase puts the cursor to the start of its line and clears the line (ECMA-48: CR, EL 2).
const erase = "\r\x1b[2K"

// terminal keeps one line for the running phase, repainted every second, and leaves one line for each that ended.
type terminal struct {
	mu    sync.Mutex
	out   io.Writer
	width func() int // columns; 0: unknown
	pulse pulse
	style func(phase.State) lipgloss.Style

	current phase.Event // of the running phase
	since   time.Time   // when it started; zero: none runs
}

func newTerminal(out io.Writer, width func() int) *terminal {
	renderer := lipgloss.NewRenderer(out)
	return &terminal{out: out, width: width, style: func(state phase.State) lipgloss.Style {
		style := renderer.NewStyle().Width(9)
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

// width gives the columns of a terminal, 0 if it does not say.
func width(file *os.File) int {
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
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
			t.since = time.Now().Add(-e.Elapsed)
		}
		t.current = e
		t.paint()
		return starts
	}
	t.since = time.Time{}
	text := describe(e)
	if e.State == phase.Done || e.State == phase.Failed {
		text += "  " + short(e.Elapsed)
	}
	fmt.Fprintf(t.out, "%s%s%s\n", erase, t.style(e.State).Render(string(e.State)), text)
	return false
}

func (t *terminal) repaint() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paint()
}

// paint draws the running phase's line, cut to the terminal's width: a line that wraps can't be erased.
func (t *terminal) paint() {
	if t.since.IsZero() {
		return
	}
	text := t.style(phase.Started).Render("running") + short(time.Since(t.since).Truncate(time.Second)) + "  " + describe(t.current)
	if columns := t.width(); columns > 1 {
		text = lipgloss.NewStyle().MaxWidth(columns - 1).Render(text)
	}
	fmt.Fprint(t.out, erase, text)
}

// Write puts other text above the running phase's line. The text should end with its line.
func (t *terminal) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.since.IsZero() {
		fmt.Fprint(t.out, erase)
	}
	n, err := t.out.Write(text)
	t.paint()
	return n, err
}

// Close takes away the line of a phase that never ended.
func (t *terminal) Close() {
	t.pulse.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.since.IsZero() {
		t.since = time.Time{}
		fmt.Fprint(t.out, erase)
	}
}
