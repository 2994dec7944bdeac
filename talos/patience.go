// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"fmt"
	"time"
)

// errSilent ends a stream in which nothing moves.
var errSilent = fmt.Errorf("the node fell silent: %w", context.DeadlineExceeded)

// patience ends a long stream when nothing has moved in it for a while. Its length alone says nothing.
type patience struct {
	stop  context.CancelCauseFunc
	timer *time.Timer
	limit time.Duration
}

// withPatience gives the context of a stream. The caller calls moved with each piece, and end when it is done.
func withPatience(ctx context.Context, limit time.Duration) (context.Context, *patience) {
	ctx, stop := context.WithCancelCause(ctx)

	return ctx, &patience{stop: stop, limit: limit, timer: time.AfterFunc(limit, func() { stop(errSilent) })}
}

func (p *patience) moved() { p.timer.Reset(p.limit) }

func (p *patience) end() {
	p.timer.Stop()
	p.stop(nil)
}

// reason is why a stream ended: our patience, when that is over, and not the cancelling that it takes the form of.
func reason(ctx context.Context, err error) error {
	if context.Cause(ctx) == errSilent { //nolint:errorlint // identity is meant
		return errSilent
	}

	return err
}
