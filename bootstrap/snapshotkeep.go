// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// Schedule is how often snapshots are taken and how many are kept.
type Schedule struct {
	// Every is the time from one snapshot to the next; at least a minute.
	Every time.Duration
	// Keep is how many of the work directory's snapshots are kept, the newest; at least one.
	Keep int
	// Told is called with each snapshot and with each failure.
	Told func(TakenSnapshot, error)
}

// retrySnapshot is the longest time to the next try after one that failed: an hour without a snapshot is a long time.
const retrySnapshot = 5 * time.Minute

// ScheduleError says that a schedule can't be kept.
type ScheduleError struct{ Rule string }

func (e *ScheduleError) Error() string { return e.Rule }

func (s Schedule) check(o SnapshotOptions) error {
	switch {
	case s.Every < time.Minute:
		return &ScheduleError{Rule: fmt.Sprintf("--every %s: at least 1m", s.Every)}
	case s.Keep < 1:
		return &ScheduleError{Rule: fmt.Sprintf("--keep %d: at least 1", s.Keep)}
	case o.File != "":
		return &ScheduleError{Rule: "a schedule writes many files, into the work directory's snapshots: it does not go with a single file"}
	}
	return nil
}

// KeepSnapshots takes snapshots until the context ends, whose cause is the error. Older ones are removed only after a new
// one was taken, checked and written, so the last good one stays however long etcd is down.
func KeepSnapshots(ctx context.Context, o Options, s SnapshotOptions, plan Schedule) error {
	if err := plan.check(s); err != nil {
		return err
	}
	for {
		pause := plan.Every
		taken, err := TakeSnapshot(ctx, o, s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			taken.Removed, err = removeOlder(taken.Path, plan.Keep)
		} else {
			pause = min(plan.Every, retrySnapshot)
		}
		if unusable(err) {
			return err
		}
		plan.Told(taken, err)
		if err := wait.Pause(ctx, pause); err != nil {
			return err
		}
	}
}

// unusable says that the next try would fail in the same way: something in the site's files must be mended first.
func unusable(err error) bool {
	var wrong *RecipientError
	return isFinal(err) || errors.As(err, &wrong)
}

// removeOlder removes all but the newest snapshots that lie beside one, which is kept in any case. Only names that a
// snapshot gets here are looked at.
func removeOlder(last string, keep int) ([]string, error) {
	name := regexp.MustCompile(`^etcd-\d{8}T\d{6}Z\.db(\.age)?$`)
	dir := filepath.Dir(last)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for old snapshots: %w", err)
	}
	var older []string
	for _, entry := range entries {
		if name.MatchString(entry.Name()) && entry.Type().IsRegular() && entry.Name() != filepath.Base(last) {
			older = append(older, entry.Name())
		}
	}
	slices.Sort(older)
	var removed []string
	var errs []error
	for _, old := range older[:max(0, len(older)-(keep-1))] {
		path := filepath.Join(dir, old)
		if err := os.Remove(path); err != nil {
			errs = append(errs, fmt.Errorf("remove an old snapshot: %w", err))
			continue
		}
		removed = append(removed, path)
	}
	return removed, errors.Join(errs...)
}
