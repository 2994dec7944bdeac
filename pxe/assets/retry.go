// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// stallTimeout ends a request that brings nothing. The factory builds an image at its first request before it answers;
	// minutes were seen for images with many extensions.
	stallTimeout = 5 * time.Minute
	// maxTries is how often in a row something may fail without bringing the file forward, and maxTime how long.
	maxTries = 6
	maxTime  = 15 * time.Minute
	// step is the least that counts as bringing it forward, in bytes.
	step = 1 << 20
	// firstPause is doubled from try to try up to lastPause, with jitter.
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// errStalled is the cause of a request that was given up.
var errStalled = errors.New("no data")

// passingError is a fault that may be gone at the next try.
type passingError struct{ error }

func (e *passingError) Unwrap() error { return e.error }

// passing marks the faults of networks as such, but for those that say that a name or a certificate is wrong.
func passing(err error) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &name) && name.IsNotFound, errors.As(err, &certificate):
		return err
	}
	return &passingError{err}
}

// isPassing says so of the codes that proxies and servers answer with while something behind them is away.
func isPassing(code int) bool {
	return code >= 500 && code != http.StatusNotImplemented ||
		code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// persist tries again while a fault is passing. Each time the bytes that done reports have grown by a step, patience begins
// anew. The error is the last try's.
func (f Factory) persist(ctx context.Context, what string, done func() int64, try func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = cmp.Or(f.firstPause, firstPause)
	pauses.Multiplier, pauses.MaxInterval = 2, lastPause
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = try()
		if passes := (*passingError)(nil); last != nil && !errors.As(last, &passes) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	},
		backoff.WithBackOff(&patience{BackOff: pauses, done: done}),
		backoff.WithMaxElapsedTime(0), // patience knows better
		backoff.WithNotify(func(err error, pause time.Duration) {
			if f.Log != nil {
				f.Log.Warn("fetching from the image factory", "file", what, "error", err, "again", pause.Round(time.Millisecond))
			}
		}))
	if err != nil && ctx.Err() != nil && !errors.Is(last, err) {
		return fmt.Errorf("%w; before that: %w", err, last)
	}
	return err
}

// patience ends when there were too many tries, or too long ones, since the file last grew.
type patience struct {
	backoff.BackOff
	done  func() int64
	best  int64
	tries int
	since time.Time
}

func (p *patience) Reset() {
	p.tries, p.since = 0, time.Now()
	p.BackOff.Reset()
}

func (p *patience) NextBackOff() time.Duration {
	if done := p.done(); done >= p.best+step {
		p.best = done
		p.Reset()
	}
	if p.tries++; p.tries >= maxTries || time.Since(p.since) > maxTime {
		return backoff.Stop
	}
	return p.BackOff.NextBackOff()
}

// watch ends a request that brings nothing for some time.
type watch struct {
	timer   *time.Timer
	timeout time.Duration
	cancel  context.CancelCauseFunc
}

// watched gives a request's context, which ends with errStalled unless it is put off. The caller calls stop.
func (f Factory) watched(ctx context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{timeout: cmp.Or(f.stallTimeout, stallTimeout), cancel: cancel}
	w.timer = time.AfterFunc(w.timeout, func() { cancel(fmt.Errorf("%w for %s", errStalled, w.timeout)) })
	return ctx, w
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reader puts off the end with each read.
func (w *watch) reader(from io.Reader) io.Reader { return &watchedReader{from, w} }

type watchedReader struct {
	io.Reader
	watch *watch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.watch.timer.Reset(r.watch.timeout)
	return r.Reader.Read(p)
}

// withCause tells a stall from the caller's own cancellation.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errStalled) {
		return cause
	}
	return err
}
