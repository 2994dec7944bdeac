// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFile = "lock"
	// lockRetry is how often a lock is tried that others have. They have it for milliseconds; a collection, for as long as
	// removing its files takes.
	lockRetry = 10 * time.Millisecond
)

// change runs what gives the store something. Any number of processes may do so at a time, but none while one collects.
func (s *Store) change(ctx context.Context, do func() error) error {
	return s.locked(ctx, (*flock.Flock).TryRLockContext, do)
}

// alone runs what takes something away, while nobody gives the store anything.
func (s *Store) alone(ctx context.Context, do func() error) error {
	return s.locked(ctx, (*flock.Flock).TryLockContext, do)
}

type tryLock func(*flock.Flock, context.Context, time.Duration) (bool, error)

func (s *Store) locked(ctx context.Context, try tryLock, do func() error) error {
	held := flock.New(filepath.Join(s.dir, lockFile), flock.SetPermissions(0o600)) // one of its own for each: it knows no goroutines
	if _, err := try(held, ctx, lockRetry); err != nil {
		return fmt.Errorf("lock the registry's store %s: %w", s.dir, err)
	}

	return errors.Join(do(), held.Close())
}
