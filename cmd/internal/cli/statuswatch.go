// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// defaultPause between two looks is short enough to watch a node come up, and asks a site of hundreds of nodes little.
const defaultPause = 5 * time.Second

// watchFlags say whether a status is shown once or again and again.
type watchFlags struct {
	watch, untilHealthy bool
	interval            time.Duration
}

func (w *watchFlags) add(c *cobra.Command) {
	c.Flags().BoolVarP(&w.watch, "watch", "w", false,
		"look again and again, until interrupted: a terminal is redrawn, other output gets what changed, or with -o json an object a line")
	c.Flags().BoolVar(&w.untilHealthy, "until-healthy", false, "watch until everything is as it should be")
	c.Flags().DurationVar(&w.interval, "interval", defaultPause, "pause between two looks of --watch")
}

func (w *watchFlags) wanted() bool { return w.watch || w.untilHealthy }

func (w *watchFlags) check() error {
	if w.interval <= 0 {
		return &UsageError{Err: fmt.Errorf("--interval %s: it must be more than 0", w.interval)}
	}
	return nil
}

// view shows each status in the way that fits the output, and says when it was the last one.
func (w *watchFlags) view(out io.Writer, output outputFlag) func(bootstrap.Status) (enough bool, err error) {
	show := changes(out, time.Now)
	if screen := ui.NewScreen(out); output.form == "json" {
		show = objects(out)
	} else if screen != nil {
		show = func(s bootstrap.Status) error { return screen.Show(statusText(s)) }
	}
	return func(s bootstrap.Status) (enough bool, err error) {
		return w.untilHealthy && s.Healthy, show(s)
	}
}

// objects writes a status as one line of JSON when it is not as the last one was.
func objects(out io.Writer) func(bootstrap.Status) error {
	var last []byte
	return func(s bootstrap.Status) error {
		line, err := json.Marshal(s)
		if err != nil || bytes.Equal(line, last) {
			return err
		}
		last = line
		_, err = out.Write(append(line, '\n'))
		return err
	}
}

// changes writes the first status as text, and after it a line for each part that changed.
func changes(out io.Writer, now func() time.Time) func(bootstrap.Status) error {
	var last []part
	return func(s bootstrap.Status) error {
		parts := partsOf(s)
		defer func() { last = parts }()
		if last == nil {
			_, err := io.WriteString(out, statusText(s))
			return err
		}
		known := make(map[string]string, len(last))
		for _, p := range last {
			known[p.name] = p.state
		}
		for _, p := range parts {
			if known[p.name] == p.state {
				continue
			}
			line := fmt.Sprintf("%s %s: %s\n", now().Format(time.TimeOnly), p.name, p.state)
			if _, err := io.WriteString(out, ui.Printable(line)); err != nil {
				return err
			}
		}
		return nil
	}
}

// part is one thing that a status tells.
type part struct{ name, state string }

// partsOf takes a status apart, in the order in which it is shown.
func partsOf(s bootstrap.Status) []part {
	var parts []part
	add := func(of string, results []bootstrap.CheckResult) {
		for _, r := range results {
			parts = append(parts, part{of + " " + r.Check, withReason(r.State, r.Reason)})
		}
	}
	for _, n := range s.Nodes {
		parts = append(parts, part{n.Name + " talos", n.Talos})
		add(n.Name, n.Checks)
	}
	add("cluster", s.Checks)
	for _, p := range s.Packages {
		parts = append(parts, part{"package " + p.Name, withReason(p.State, p.Why())})
	}
	if s.Root == nil {
		return parts
	}
	root := "not ready"
	if s.Root.Ready {
		root = "ready"
	}
	return append(parts, part{"tenant root", withReason(root, s.Root.Reason)})
}

func withReason(state, reason string) string {
	if reason == "" {
		return state
	}
	return state + ": " + reason
}
