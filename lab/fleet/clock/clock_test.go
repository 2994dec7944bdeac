// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
)

func TestScaleAndPatience(t *testing.T) {
	for _, tc := range []struct {
		speed           float64
		d               time.Duration
		scale, patience time.Duration
	}{
		{0, time.Second, time.Second, time.Second},
		{-3, time.Second, time.Second, time.Second},
		{100, time.Minute, 600 * time.Millisecond, 600 * time.Millisecond},
		{100, 4 * time.Second, 40 * time.Millisecond, 400 * time.Millisecond},
		{100, 100 * time.Millisecond, time.Millisecond, 100 * time.Millisecond},
		{0.5, time.Second, 2 * time.Second, 2 * time.Second},
	} {
		c := clock.Clock{Speed: tc.speed}
		require.Equal(t, tc.scale, c.Scale(tc.d), "scale of %s at %v", tc.d, tc.speed)
		require.Equal(t, tc.patience, c.Patience(tc.d), "patience of %s at %v", tc.d, tc.speed)
	}
}

func TestWaitEndsWithTheContextsCause(t *testing.T) {
	pulled := errors.New("plug pulled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(pulled)

	require.ErrorIs(t, clock.Clock{}.Wait(ctx, time.Hour), pulled)
	require.NoError(t, clock.Clock{Speed: 1e6}.Wait(t.Context(), time.Hour))
}
