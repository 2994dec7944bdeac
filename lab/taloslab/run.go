// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/cozystack/cozy-install/lab/taloslab/container"
)

// record is what a run does to the host, written down for the next run in case it is killed. Its processes and its network
// end with it in any case.
type record struct {
	Cgroups string `json:"cgroups"` // what their names begin with
	Limits  limits `json:"limits"`
}

const (
	recordFile = "run.json"
	lockFile   = "lock" // held as long as the run lives
	runPrefix  = "run-"
)

// begin cleans up after runs that were killed, and makes the folder of this one. Other runs may be alive beside it.
func (l *Lab) begin(ctx context.Context, dir string) (err error) {
	turn := flock.New(filepath.Join(dir, lockFile))
	if _, err := turn.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return fmt.Errorf("wait for another run in %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, turn.Unlock()) }()
	if err := sweep(ctx, dir); err != nil {
		return err
	}
	// Beside the packages, so that files can be shared by hard links.
	if l.dir, err = os.MkdirTemp(dir, runPrefix); err != nil {
		return err
	}
	l.alive = flock.New(filepath.Join(l.dir, lockFile))
	if _, err := l.alive.TryLock(); err != nil {
		return err
	}
	l.cgroups = "cozy-taloslab-" + filepath.Base(l.dir) + "-"
	if l.limits, err = tooLow(); err != nil {
		return err
	}
	data, err := json.Marshal(record{Cgroups: l.cgroups, Limits: l.limits})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, recordFile), data, 0o600)
}

// sweep undoes what runs left behind that were killed.
func sweep(ctx context.Context, dir string) error {
	runs, err := filepath.Glob(filepath.Join(dir, runPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, run := range runs {
		if err := sweepRun(ctx, run); err != nil {
			errs = append(errs, fmt.Errorf("clean up after the killed run in %s: %w", run, err))
		}
	}
	return errors.Join(errs...)
}

func sweepRun(ctx context.Context, run string) (err error) {
	alive := flock.New(filepath.Join(run, lockFile))
	dead, err := alive.TryLock()
	if err != nil || !dead {
		return err
	}
	defer func() { err = errors.Join(err, alive.Unlock()) }()
	data, err := os.ReadFile(filepath.Join(run, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(run) // killed before it did anything
	}
	if err != nil {
		return err
	}
	var left record
	if err := json.Unmarshal(data, &left); err != nil {
		return err
	}
	groups, err := container.FindCgroups(left.Cgroups)
	if err := errors.Join(err, removeCgroups(ctx, left.Cgroups, groups), left.Limits.putBack()); err != nil {
		return err
	}
	return os.RemoveAll(run)
}
