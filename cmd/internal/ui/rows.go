// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// rows are the items of the running phase, in the order in which they were first told. The zero value has none.
type rows struct {
	items []phase.Item
	since []time.Time // when the item came into its state
}

// take puts an item's newest word in its row. An item that fails again and again is as old as its first failure.
func (r *rows) take(item phase.Item, now time.Time) {
	at := slices.IndexFunc(r.items, func(known phase.Item) bool { return known.Name == item.Name })
	switch {
	case at < 0:
		r.items, r.since = append(r.items, item), append(r.since, now)
	case r.items[at].State == item.State:
		r.items[at] = item
	default:
		r.items[at], r.since[at] = item, now
	}
}

// summary counts the items that need nothing more: "12 of 57 are ready". Empty: there are no items.
func (r *rows) summary() string {
	if len(r.items) == 0 {
		return ""
	}
	ready := 0
	for _, item := range r.items {
		if isOver(item) {
			ready++
		}
	}
	return fmt.Sprintf("%d of %d are ready", ready, len(r.items))
}

// draw gives the lines of a table of at most height lines, without styles, and the item of each: nil for others. What does
// not fit is counted in the last line: ready items are left out first, then those that only wait.
func (r *rows) draw(now time.Time, height int) (lines []string, items []*phase.Item) {
	if len(r.items) == 0 || height < 2 {
		return nil, nil
	}
	shown := make([]int, len(r.items))
	for i := range shown {
		shown[i] = i
	}
	rest := ""
	if len(shown) > height-1 {
		slices.SortStableFunc(shown, func(a, b int) int { return urgency(r.items[a]) - urgency(r.items[b]) })
		rest = r.count(shown[height-2:])
		shown = shown[:height-2]
	}
	return r.table(shown, rest, now)
}

// unready is the table of all items that need something, whatever its height. None: no lines.
func (r *rows) unready(now time.Time) ([]string, []*phase.Item) {
	var shown []int
	for i, item := range r.items {
		if !isOver(item) {
			shown = append(shown, i)
		}
	}
	if len(shown) == 0 {
		return nil, nil
	}
	return r.table(shown, "", now)
}

func (r *rows) table(shown []int, rest string, now time.Time) (lines []string, items []*phase.Item) {
	texts, items := make([][]string, 0, len(shown)), make([]*phase.Item, 1, len(shown)+2)
	for _, i := range shown {
		item := r.items[i]
		why := item.Why()
		if isOver(item) {
			why = ""
		}
		texts = append(texts, []string{item.Name, item.State, age(now.Sub(r.since[i])), why})
		items = append(items, &r.items[i])
	}
	lines = strings.Split(Table([]string{"NAME", "STATE", "AGE", "WHY"}, texts), "\n")
	if rest != "" {
		lines, items = append(lines, rest), append(items, nil)
	}
	return lines, items
}

// count tells how many items are left out, and in which states: "... and 23 more: 20 ready, 3 waiting".
func (r *rows) count(left []int) string {
	var states []string
	counts := map[string]int{}
	for _, i := range slices.Backward(left) {
		state := r.items[i].State
		if counts[state]++; counts[state] == 1 {
			states = append(states, state)
		}
	}
	parts := make([]string, len(states))
	for i, state := range states {
		parts[i] = fmt.Sprintf("%d %s", counts[state], state)
	}
	return fmt.Sprintf("... and %d more: %s", len(left), strings.Join(parts, ", "))
}

// urgency sorts items: what failed, what works, what waits, what is over.
func urgency(item phase.Item) int {
	return slices.Index([]phase.State{phase.Failed, phase.Started, phase.Waiting, phase.Skipped, phase.Done}, item.Is)
}

func isOver(item phase.Item) bool { return item.Is == phase.Done || item.Is == phase.Skipped }

// age is a duration of a running thing, as people read it in a table: 42s, 3m7s, 2h5m.
func age(d time.Duration) string {
	d = max(d, 0)
	if d < time.Hour {
		return d.Truncate(time.Second).String()
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}
