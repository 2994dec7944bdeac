// SPDX-License-Identifier: Apache-2.0

package phase

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Runner runs phases one after another.
type Runner struct {
	// Reporter receives the progress. Nil: nobody listens.
	Reporter Reporter
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Run runs the phases in order and stops at the first that fails. The results of those that ended are returned in any
// case. A phase's error is wrapped in an *Error.
func (r Runner) Run(ctx context.Context, phases []Phase) ([]Result, error) {
	if err := Check(phases); err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(phases))
	for _, p := range phases {
		result, err := r.one(ctx, p)
		results = append(results, result)
		if err != nil {
			return results, &Error{Phase: p.ID, Title: p.Title, Err: err}
		}
	}
	return results, nil
}

func (r Runner) one(ctx context.Context, p Phase) (Result, error) {
	start := r.now()
	end := func(state State, err error) (Result, error) {
		elapsed := r.now().Sub(start)
		e := Event{Phase: p.ID, Title: p.Title, State: state, Elapsed: elapsed}
		if err != nil {
			e.Err = err.Error()
		}
		r.report(e)
		return Result{ID: p.ID, Title: p.Title, State: state, Elapsed: elapsed, Seconds: elapsed.Seconds()}, err
	}
	if err := ctx.Err(); err != nil {
		return end(failedOrStopped(ctx), err)
	}
	if p.Done != nil {
		done, err := p.Done(ctx)
		if err != nil {
			return end(failedOrStopped(ctx), fmt.Errorf("look what is done already: %w", err))
		}
		if done {
			return end(Skipped, nil)
		}
	}
	r.report(Event{Phase: p.ID, Title: p.Title, State: Started})
	say := func(message string, item *Item) {
		r.report(Event{
			Phase: p.ID, Title: p.Title, State: Waiting, Message: message, Item: item, Elapsed: r.now().Sub(start),
		})
	}
	if err := work(ctx, p, say); err != nil {
		state := failedOrStopped(ctx) // now: an interruption while it tidies up is not why
		return end(state, errors.Join(err, undo(ctx, p)))
	}
	return end(Done, nil)
}

// failedOrStopped is the state of a phase that did not get through: whoever interrupts a run makes it fail, and nothing went wrong.
func failedOrStopped(ctx context.Context) State {
	if errors.Is(ctx.Err(), context.Canceled) {
		return Stopped
	}
	return Failed
}

func work(ctx context.Context, p Phase, say func(message string, item *Item)) error {
	if p.RunItems != nil {
		return p.RunItems(ctx, func(item Item) { say(item.String(), &item) })
	}
	return p.Run(ctx, func(format string, args ...any) { say(fmt.Sprintf(format, args...), nil) })
}

// undo tidies up even when the run was interrupted.
func undo(ctx context.Context, p Phase) error {
	if p.Undo == nil {
		return nil
	}
	if err := p.Undo(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("tidy up after %s: %w", p.ID, err)
	}
	return nil
}

// Preview is what a phase would do.
type Preview struct {
	ID    string   `json:"phase"`
	Title string   `json:"title"`
	Done  bool     `json:"done"`
	Steps []string `json:"steps,omitempty"`
	// Unknown says why the phase could not look at the world; empty if it could.
	Unknown string `json:"unknown,omitempty"`
}

// PreviewAll asks every phase what it would do, changing nothing. A phase that cannot tell yet says why.
func PreviewAll(ctx context.Context, phases []Phase) []Preview {
	out := make([]Preview, 0, len(phases))
	for _, p := range phases {
		out = append(out, preview(ctx, p))
	}
	return out
}

func preview(ctx context.Context, p Phase) Preview {
	v := Preview{ID: p.ID, Title: p.Title}
	if p.Done != nil {
		done, err := p.Done(ctx)
		if err != nil {
			v.Unknown = err.Error()
			return v
		}
		if v.Done = done; done {
			return v
		}
	}
	if p.Plan != nil {
		steps, err := p.Plan(ctx)
		if err != nil {
			v.Unknown = err.Error()
		}
		v.Steps = steps
	}
	return v
}

func (r Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r Runner) report(e Event) {
	if r.Reporter == nil {
		return
	}
	e.Time = r.now()
	e.Seconds = e.Elapsed.Seconds()
	r.Reporter.Report(e)
}
