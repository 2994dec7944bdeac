// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// collectAgain is when a collection is tried again that failed.
const collectAgain = 10 * time.Minute

// KeepBelow collects now, and whenever more than limit bytes of what was pulled through are there, until the context ends. What
// it removes, and why it can't, is written to the log; nil discards.
func (s *Store) KeepBelow(ctx context.Context, limit int64, log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	for ctx.Err() == nil {
		if err := s.collectLogged(ctx, limit, log); err != nil {
			select {
			case <-time.After(collectAgain):
			case <-ctx.Done():
			}

			continue
		}

		s.untilAbove(ctx, limit)
	}
}

// untilAbove waits until more than limit bytes are there.
func (s *Store) untilAbove(ctx context.Context, limit int64) {
	for ctx.Err() == nil && s.cached.Load() <= limit {
		select {
		case <-s.grown:
		case <-ctx.Done():
		}
	}
}

func (s *Store) collectLogged(ctx context.Context, limit int64, log *slog.Logger) error {
	done, err := s.Collect(ctx, limit, func(gone Gone) {
		log.InfoContext(ctx, "removed from the cache", "digest", gone.Digest.String(), "images", gone.Names, "bytes", gone.Bytes, "used", gone.Used)
	})
	if done.Removed > 0 {
		log.InfoContext(ctx, "the cache was over its limit", "limit", limit, "removed", done.Removed, "bytes", done.Bytes, "left", done.Left)
	}

	if err == nil || ctx.Err() != nil {
		return err
	}

	hint := ""
	if hinting := interface{ Hint() string }(nil); errors.As(err, &hinting) {
		hint = hinting.Hint()
	}

	log.ErrorContext(ctx, "can't keep the cache below its limit", "limit", limit, "again", collectAgain, "err", err, "hint", hint)

	return err
}

// grew counts what was pulled through.
func (s *Store) grew(bytes int64) {
	s.cached.Add(bytes)

	select {
	case s.grown <- struct{}{}:
	default: // whoever looks has not looked yet
	}
}

// touch says that a blob or manifest is used, for who removes those that were not for longest. If it fails, it is older than it
// should be.
func (s *Store) touch(sum v1.Hash) { _ = os.Chtimes(s.blobFile(sum), time.Time{}, time.Now()) }
