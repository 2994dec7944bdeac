// SPDX-License-Identifier: Apache-2.0

// Package phase runs an ordered list of phases: observe, decide, act, report.
//
// A phase is a value of function fields, so running the list again is resuming it: what is done already says so. The
// package knows nothing of what the phases do, and nothing of terminals.
package phase

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Say reports one line of progress inside a running phase, such as what it waits for.
type Say func(format string, args ...any)

// Phase is one step of a bring-up. It is safe to run twice.
type Phase struct {
	// ID is short, stable and public: --from and --until take it.
	ID string
	// Title is an imperative: "bootstrap etcd".
	Title string
	// Done looks at the world and says whether there is nothing left to do. Nil: the phase always runs.
	Done func(ctx context.Context) (bool, error)
	// Plan says in words what Run would do, a line each, without changing anything. Nil: the title says it all.
	Plan func(ctx context.Context) ([]string, error)
	// Run does what is missing and returns when it has seen that it worked.
	Run func(ctx context.Context, say Say) error
	// RunItems is Run for a phase that works on several things side by side, and stands in its place.
	RunItems func(ctx context.Context, tell Tell) error
	// Undo removes local litter of a failed or interrupted Run. It never touches what the phase built. Nil: no litter.
	Undo func(ctx context.Context) error
}

// State says how far a phase is.
type State string

// The states of a phase, in the order in which they can come.
const (
	Started State = "start"
	Waiting State = "waiting" // still running, with a message
	Done    State = "done"
	Skipped State = "skipped" // done already; a phase outside --from and --until is not reported at all
	Failed  State = "failed"
	Stopped State = "stopped" // interrupted: nothing went wrong
)

// Event is one step of progress. Its JSON keys are a public contract.
type Event struct {
	Time    time.Time `json:"time"`
	Phase   string    `json:"phase"`
	Title   string    `json:"title,omitempty"`
	State   State     `json:"state"`
	Message string    `json:"message,omitempty"`
	// Item is what the event tells of one of several things that the phase works on; Message says the same in one line.
	// Nil: the event is about the phase.
	Item    *Item         `json:"item,omitempty"`
	Elapsed time.Duration `json:"-"`
	// Seconds is Elapsed for machines.
	Seconds float64 `json:"elapsedSeconds,omitempty"`
	Err     string  `json:"error,omitempty"`
}

// Reporter receives events, one at a time and in order.
type Reporter interface{ Report(Event) }

// Result is what became of one phase.
type Result struct {
	ID      string        `json:"phase"`
	Title   string        `json:"title"`
	State   State         `json:"state"`
	Elapsed time.Duration `json:"-"`
	Seconds float64       `json:"elapsedSeconds"`
}

// Error says in which phase a run ended.
type Error struct {
	Phase, Title string
	Err          error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Title, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Check refuses a list whose IDs are empty or not unique, or a phase that does nothing.
func Check(phases []Phase) error {
	seen := map[string]bool{}
	for _, p := range phases {
		switch {
		case p.ID == "" || p.Title == "":
			return fmt.Errorf("phase %q %q: id and title are both needed", p.ID, p.Title)
		case seen[p.ID]:
			return fmt.Errorf("phase %q: the id is used twice", p.ID)
		case p.Run == nil && p.RunItems == nil:
			return fmt.Errorf("phase %q: it has nothing to run", p.ID)
		case p.Run != nil && p.RunItems != nil:
			return fmt.Errorf("phase %q: it has two things to run", p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// Between gives the phases from one ID up to and including another. An empty ID means the list's end on that side.
func Between(phases []Phase, from, until string) ([]Phase, error) {
	first, last := 0, len(phases)-1
	for _, limit := range []struct {
		id  string
		set *int
	}{{from, &first}, {until, &last}} {
		if limit.id == "" {
			continue
		}
		i := slices.IndexFunc(phases, func(p Phase) bool { return p.ID == limit.id })
		if i < 0 {
			return nil, &UnknownError{ID: limit.id, Known: ids(phases)}
		}
		*limit.set = i
	}
	if first > last {
		return nil, &OrderError{From: from, Until: until}
	}
	return phases[first : last+1], nil
}

// UnknownError says that no phase has the ID that was asked for.
type UnknownError struct {
	ID    string
	Known []string
}

func (e *UnknownError) Error() string { return fmt.Sprintf("no phase is called %q", e.ID) }

// Hint lists the IDs there are.
func (e *UnknownError) Hint() string { return "the phases are: " + strings.Join(e.Known, ", ") }

// OrderError says that the first phase to run comes after the last.
type OrderError struct{ From, Until string }

func (e *OrderError) Error() string {
	return fmt.Sprintf("phase %q comes after %q: nothing would run", e.From, e.Until)
}

func ids(phases []Phase) []string {
	out := make([]string, len(phases))
	for i, p := range phases {
		out[i] = p.ID
	}
	return out
}
