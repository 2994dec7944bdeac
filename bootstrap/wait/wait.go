// SPDX-License-Identifier: Apache-2.0

// Package wait holds the only loop of the program that polls. Domain packages assert once; this repeats the assertion
// until it holds, and never lets a timeout hide the last real error.
package wait

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DefaultInterval is the pause between two probes when a check names none: short enough that a person does not notice,
// long enough that a hundred nodes do not.
const DefaultInterval = 500 * time.Millisecond

// Check is something to wait for.
type Check struct {
	// Title completes the sentence "waiting for ...".
	Title string
	// Interval is the pause between probes. Zero: DefaultInterval.
	Interval time.Duration
	// Timeout bounds the whole wait. Zero: only the context does.
	Timeout time.Duration
	// ProbeTimeout bounds one probe, so that a silent peer does not eat the whole wait. Zero: only Timeout does.
	ProbeTimeout time.Duration
	// Probe asserts once: nil means that it holds, Final(err) that it never will.
	Probe func(ctx context.Context) error
	// Failed is told the error of each probe that did not hold, but for one that is only the wait's own time running out.
	// Nil: nobody is told.
	Failed func(reason error)
}

// TimeoutError says what was waited for, how long, and why it did not hold when last looked at.
type TimeoutError struct {
	Title   string
	Elapsed time.Duration
	// Cause is why the wait ended: context.DeadlineExceeded, or the cause of the caller's context, such as a signal.
	Cause error
	// Last is the last probe's error. Nil if no probe ended.
	Last error
}

func (e *TimeoutError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("waiting for %s: %v after %s", e.Title, e.Cause, e.Elapsed.Round(time.Millisecond))
	}
	return fmt.Sprintf("waiting for %s: %v after %s: %v", e.Title, e.Cause, e.Elapsed.Round(time.Millisecond), e.Last)
}

// Unwrap lets callers find both the cause and the last error.
func (e *TimeoutError) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Last}
}

// Final marks an error of a probe as one that waiting cannot cure.
func Final(err error) error { return &final{err} }

type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// Until probes until the check holds, is final, or its time is over. It probes at once, then after each interval.
func Until(ctx context.Context, c Check) error {
	start := time.Now()
	parent := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	interval := c.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return ended(parent, ctx, c.Title, start, last)
		case <-timer.C:
		}
		err := probe(ctx, c)
		if err == nil {
			return nil
		}
		if f := (*final)(nil); errors.As(err, &f) {
			return fmt.Errorf("waiting for %s: %w", c.Title, f.error)
		}
		// An error that is only our own time running out says nothing: the one before it does.
		if !isOver(ctx, err) || last == nil {
			if c.Failed != nil {
				c.Failed(err)
			}
			last = err
		}
		timer.Reset(interval)
	}
}

// isOver says whether an error is only the wait's own time running out: timers are late on a busy machine, and what limits requests
// (golang.org/x/time/rate, whose error has no type) does not begin one that would have to wait beyond the end.
func isOver(ctx context.Context, err error) bool {
	deadline, has := ctx.Deadline()
	return ctx.Err() != nil || has && !time.Now().Before(deadline) || strings.Contains(err.Error(), "would exceed context deadline")
}

func probe(ctx context.Context, c Check) error {
	if c.ProbeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.ProbeTimeout)
		defer cancel()
	}
	return c.Probe(ctx)
}

func ended(parent, ctx context.Context, title string, start time.Time, last error) error {
	cause := context.Cause(ctx)
	if parent.Err() != nil {
		cause = context.Cause(parent)
	}
	return &TimeoutError{Title: title, Elapsed: time.Since(start), Cause: cause, Last: last}
}
