// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProbesAtOnceAndThenAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		err := Until(t.Context(), Check{Title: "x", Interval: time.Second, Probe: func(context.Context) error {
			at = append(at, time.Since(start))
			if len(at) < 3 {
				return errors.New("not yet")
			}
			return nil
		}})
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, at)
	})
}

func TestATimeoutCarriesTheLastRealError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		err := Until(t.Context(), Check{Title: "etcd", Interval: time.Second, Timeout: 3 * time.Second, Probe: func(context.Context) error {
			return refused
		}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, refused)
		require.EqualError(t, err, "waiting for etcd: context deadline exceeded after 3s: connection refused")
	})
}

func TestOurOwnTimeoutDoesNotHideTheErrorBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, first := errors.New("connection refused"), true
		err := Until(t.Context(), Check{Title: "etcd", Interval: time.Second, Timeout: 3 * time.Second, Probe: func(ctx context.Context) error {
			if first {
				first = false
				return refused
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		require.ErrorIs(t, err, refused)
	})
}

func TestARequestThatWasNotBegunForWantOfTimeHidesNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, first := errors.New("connection refused"), true
		err := Until(t.Context(), Check{Title: "etcd", Interval: time.Second, Timeout: 3 * time.Second, Probe: func(context.Context) error {
			if first {
				first = false
				return refused
			}
			return errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")
		}})
		require.ErrorIs(t, err, refused)
	})
}

func TestASilentPeerIsProbedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := Until(t.Context(), Check{Title: "x", Interval: time.Second, Timeout: time.Minute, ProbeTimeout: 5 * time.Second, Probe: func(ctx context.Context) error {
			if calls++; calls == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}})
		require.NoError(t, err)
		require.Equal(t, 2, calls)
	})
}

func TestAFinalErrorEndsTheWait(t *testing.T) {
	foreign := errors.New("foreign node")
	calls := 0
	err := Until(t.Context(), Check{Title: "x", Probe: func(context.Context) error {
		calls++
		return Final(foreign)
	}})
	require.ErrorIs(t, err, foreign)
	require.Equal(t, 1, calls)
}

func TestCancellationIsNotATimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Until(ctx, Check{Title: "x", Timeout: time.Hour, Probe: func(context.Context) error {
		cancel()
		return errors.New("not yet")
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestTheReasonIsToldAfterEachProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := []string{"a", "a", "b", ""}
		var told []string
		err := Until(t.Context(), Check{
			Title:  "x",
			Failed: func(err error) { told = append(told, err.Error()) },
			Probe: func(context.Context) error {
				r := reasons[0]
				reasons = reasons[1:]
				if r == "" {
					return nil
				}
				return errors.New(r)
			},
		})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "a", "b"}, told)
	})
}

func TestATimeoutBeforeAnyProbeEndedHasItsCauseAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Until(ctx, Check{Title: "x", Probe: func(ctx context.Context) error { return ctx.Err() }})
	require.ErrorIs(t, err, context.Canceled)
	var timeout *TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.NotContains(t, timeout.Unwrap(), nil)
	require.Equal(t, []error{context.Canceled}, (&TimeoutError{Cause: context.Canceled}).Unwrap())
}
