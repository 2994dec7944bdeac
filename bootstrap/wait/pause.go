// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"context"
	"time"
)

// Pause waits for a time to pass. The error is the cause of the context that ended it before.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
