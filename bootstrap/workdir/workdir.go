// SPDX-License-Identifier: Apache-2.0

// Package workdir keeps what must last on the bastion: the cluster's secrets, its talosconfig and kubeconfig, downloaded
// boot assets, a small journal of choices, and what a person approved. Everything is for its owner only, written whole or
// not at all, and held by one running program at a time; others may only look, and leave an approval. It does not know
// what the files mean.
package workdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// Names of the files in a work directory.
const (
	SecretsFile          = "secrets.yaml"
	EncryptedSecretsFile = "secrets.yaml.age"
	TalosconfigFile      = "talosconfig"
	KubeconfigFile       = "kubeconfig"
	JournalFile          = "journal.json"
	AssetsDir            = "assets"
	NetbootFile          = "netboot.json"           // what the netboot server remembers
	LeasesFile           = "leases.json"            // the addresses it gave
	ArchiveFile          = "archive.json"           // what is in the archive that the site takes everything from
	ArchiveKeyFile       = "archive-key.pub"        // public key that archives are checked with
	RootKubeconfigFile   = "tenant-root.kubeconfig" // of the first administrator of tenant-root, with a token that ends

	lockFile = "lock"
	// unborn is the ending of a file that is whole but does not have its name yet.
	unborn = ".new"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// Dir is an open work directory.
type Dir struct {
	path string
	lock *flock.Flock // nil when opened for reading

	changing sync.Mutex // one change of the journal at a time
}

// LockedError says that another program holds the work directory.
type LockedError struct{ Path string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("work directory %s: another cozy-install is using it", e.Path)
}

// Hint says how to go on.
func (e *LockedError) Hint() string {
	return "wait until it ends; the lock goes with its process, also after a crash, so nothing has to be removed by hand"
}

// Open makes the directory if it is missing and locks it until Close. The lock is the kernel's: it goes with the process.
func Open(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("work directory %s: %w", path, err)
	}
	if err := os.MkdirAll(abs, dirMode); err != nil {
		return nil, fmt.Errorf("make work directory: %w", err)
	}
	lock := flock.New(filepath.Join(abs, lockFile), flock.SetPermissions(fileMode))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock work directory %s: %w", abs, err)
	}
	if !held {
		return nil, &LockedError{Path: abs}
	}
	d := &Dir{path: abs, lock: lock}
	if err := d.removeLitter(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// removeLitter removes what a killed program left of files that it was about to write. They may hold secrets, and nobody
// else would. Only the holder of the lock may do so.
func (d *Dir) removeLitter() error {
	for _, name := range archived() {
		for _, pattern := range []string{"." + name + "[0-9]*", "." + name + unborn + "[0-9]*", name + unborn} {
			litter, err := filepath.Glob(filepath.Join(escapeGlob(d.path), pattern))
			if err != nil {
				return fmt.Errorf("look for unfinished files in %s: %w", d.path, err)
			}
			for _, path := range litter {
				if err := os.Remove(path); err != nil {
					return fmt.Errorf("remove an unfinished file: %w", err)
				}
			}
		}
	}
	return nil
}

// escapeGlob takes the meaning from the pattern characters of a path.
func escapeGlob(path string) string {
	return strings.NewReplacer("*", "\\*", "?", "\\?", "[", "\\[", "\\", "\\\\").Replace(path)
}

// OpenForReading opens a directory without locking it, for commands that only look. It need not exist.
func OpenForReading(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("work directory %s: %w", path, err)
	}
	return &Dir{path: abs}, nil
}

// SetAside gives a file that can't be read another name, so that a new one can take its place, and returns that name. One
// that was set aside before is replaced.
func (d *Dir) SetAside(name string) (string, error) {
	aside := d.Path(name + ".broken")
	if err := os.Rename(d.Path(name), aside); err != nil {
		return "", fmt.Errorf("set %s aside: %w", d.Path(name), err)
	}
	return aside, syncDir(d.path)
}

// Locked says whether this program holds the directory, and so may write into it.
func (d *Dir) Locked() bool { return d.lock != nil }

// Held says whether a program holds the directory's lock. It looks by taking the lock for an instant together with others
// that look, so that only a program which starts in just that instant may find it taken.
func (d *Dir) Held() (bool, error) {
	if exists, err := d.Exists(lockFile); !exists || err != nil {
		return false, err
	}
	lock := flock.New(d.Path(lockFile), flock.SetPermissions(fileMode))
	free, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("look at the lock of work directory %s: %w", d.path, err)
	}
	return !free, lock.Close()
}

// Close gives the lock back. It may be called twice.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Unlock()
}

// Path is the absolute path of a name in the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Read reads a file. A missing file is fs.ErrNotExist.
func (d *Dir) Read(name string) ([]byte, error) {
	data, err := os.ReadFile(d.Path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// Exists says whether a file is there.
func (d *Dir) Exists(name string) (bool, error) {
	_, err := os.Stat(d.Path(name))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("look for %s: %w", name, err)
}

// Write replaces a file in one step, mode 0600: a crash leaves the old content or the new, never a part. When it returns,
// both content and name are on disk: the journal names etcd's node before etcd is started there, and must not lose it with
// the bastion's power.
func (d *Dir) Write(_ context.Context, name string, data []byte) error {
	return Replace(d.Path(name), data)
}

// ExistsError says that a file that must never be replaced is there already.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s: it exists and is never overwritten", e.Path)
}

// Is makes the error an fs.ErrExist.
func (e *ExistsError) Is(target error) bool { return target == fs.ErrExist }

// WriteOnce writes a file that must not exist yet, whole or not at all. A file that is there stays as it is: *ExistsError.
func (d *Dir) WriteOnce(ctx context.Context, name string, data []byte) error {
	fresh := name + unborn
	if err := d.Write(ctx, fresh, data); err != nil {
		return err
	}
	defer os.Remove(d.Path(fresh))
	// A hard link, unlike a rename, refuses to replace what is there, also when two programs race.
	err := os.Link(d.Path(fresh), d.Path(name))
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{Path: d.Path(name)}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", d.Path(name), err)
	}
	return syncDir(d.path)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
