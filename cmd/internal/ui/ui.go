// SPDX-License-Identifier: Apache-2.0

// Package ui shows people how far a run is, and tables. It is the only code that knows a terminal.
//
// It draws the events of bootstrap/phase and knows nothing of what the phases do. Meaning is in the words: colours only
// repeat it, and follow NO_COLOR. A phase that works on several things
// side by side has a row for each. Still missing: that for nodes.
package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// Form is how progress is shown.
type Form string

// The forms of progress.
const (
	Auto  Form = "auto"  // for a terminal if the output is one, else plain
	Plain Form = "plain" // a line for each event
	JSON  Form = "json"  // an object for each event, one on a line
)

// Progress shows the events of one run. Events are reported one at a time; Write may be called at the same time, and puts
// other text, such as log lines, between the lines of progress. Close ends what is drawn and may be called twice.
type Progress interface {
	phase.Reporter
	io.Writer
	Close()
}

// New makes the progress of a form, written to w.
func New(w io.Writer, form Form) (Progress, error) {
	switch form {
	case Auto:
		if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
			return newTerminal(w, func() (int, int) { return sizeOf(file) }), nil
		}
		return &plain{out: w}, nil
	case Plain:
		return &plain{out: w}, nil
	case JSON:
		return &jsonLines{out: w}, nil
	}
	return nil, fmt.Errorf("progress %q: not one of %s, %s, %s", form, Auto, Plain, JSON)
}

// Printable replaces control characters but line ends and tabs, so that a text from the network can't steer a terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// line makes one printable line of a text.
func line(text string) string {
	return Printable(strings.Join(strings.Fields(text), " "))
}

// describe is the title of an event and what it says beside. An error's text is left out: the program ends with it.
func describe(e phase.Event) string {
	if e.Message == "" {
		return line(e.Title)
	}
	return line(e.Title + ": " + e.Message)
}

// short gives a duration to a tenth of a second while that says something, then to the second.
func short(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
