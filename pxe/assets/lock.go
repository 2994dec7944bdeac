// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockFile is what the program that fetches into a directory holds.
const lockFile = ".lock"

// lock keeps other programs from fetching into a directory until the lock is closed or the process ends. Two programs would
// write one partial file. A work directory is locked by itself; a cache may be shared by several. Reading needs no lock:
// files appear whole.
func lock(dir string) (*flock.Flock, error) {
	held := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	switch locked, err := held.TryLock(); {
	case err != nil:
		return nil, &CacheError{Dir: dir, Err: err}
	case !locked:
		return nil, &BusyError{Dir: dir}
	}
	return held, nil
}
