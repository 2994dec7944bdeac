// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// SnapshotsDir holds snapshots of etcd. Like approvals they are left there by programs that do not hold the lock.
const SnapshotsDir = "snapshots"

// unfinished is in the name of a file that is being written.
const unfinished = ".part-"

// Create writes a new file from a stream, mode 0600, whole or not at all, in a directory that is there. It needs no lock.
// A file of the name stays as it is: *ExistsError, also before anything was written.
func Create(path string, fill func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return &ExistsError{Path: path}
	}
	dir := filepath.Dir(path)
	fresh, err := os.CreateTemp(dir, "."+filepath.Base(path)+unfinished+"*") // its mode is 0600
	if err != nil {
		return fmt.Errorf("make a file beside %s: %w", path, err)
	}
	held := flock.New(fresh.Name(), flock.SetPermissions(fileMode))
	defer func() { err = errors.Join(err, held.Unlock(), forget(fresh.Name())) }()
	if _, err := held.TryLock(); err != nil {
		return errors.Join(fmt.Errorf("lock a file beside %s: %w", path, err), fresh.Close())
	}
	if err := fill(fresh); err != nil {
		return errors.Join(err, fresh.Close())
	}
	if err := errors.Join(fresh.Sync(), fresh.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// A hard link, unlike a rename, refuses to replace what is there, also when two programs race.
	err = os.Link(fresh.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{Path: path}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(dir)
}

// forget removes a file that may be gone.
func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an unfinished file: %w", err)
	}
	return nil
}

// RemoveUnfinished removes what killed programs left of files that Create was to write in a directory. One that is being
// written by another program is locked, and stays.
func RemoveUnfinished(dir string) error {
	found, err := filepath.Glob(filepath.Join(escapeGlob(dir), ".*"+unfinished+"*"))
	if err != nil {
		return fmt.Errorf("look for unfinished files in %s: %w", dir, err)
	}
	var errs []error
	for _, path := range found {
		lock := flock.New(path, flock.SetPermissions(fileMode), flock.SetFlag(os.O_RDONLY))
		free, err := lock.TryLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look at an unfinished file: %w", err))
			continue
		}
		if free {
			errs = append(errs, forget(path))
		}
		errs = append(errs, lock.Close())
	}
	return errors.Join(errs...)
}

// MakeSnapshotsDir makes the directory of snapshots, and the work directory where it is missing, and returns its path.
func (d *Dir) MakeSnapshotsDir() (string, error) {
	path := d.Path(SnapshotsDir)
	if err := os.MkdirAll(path, dirMode); err != nil {
		return "", fmt.Errorf("make the directory of snapshots: %w", err)
	}
	return path, nil
}
