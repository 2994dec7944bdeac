// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// errGoOn keeps a watch going.
var errGoOn = errors.New("the site is watched")

// WatchStatus observes a site again and again, with a pause between two looks, and shows each status. It ends when show has
// seen enough or fails, when a look itself fails, or with the context. Nothing is changed.
func WatchStatus(ctx context.Context, o Options, pause time.Duration, show func(Status) (enough bool, err error)) error {
	err := wait.Until(ctx, wait.Check{
		Title: "an end of the watch", Interval: pause,
		Probe: func(ctx context.Context) error {
			status, err := Look(ctx, o)
			if err != nil {
				return wait.Final(err)
			}
			enough, err := show(status)
			switch {
			case err != nil:
				return wait.Final(err)
			case !enough:
				return errGoOn
			}
			return nil
		},
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause // it was told to end
	}
	return err
}
