// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// incomingFolder holds a directory for each process, with blobs that are not known to be whole. It is on the file system of the
// rest, so that they are moved and not copied.
const incomingFolder = "incoming"

// openIncoming makes the directory of this process, which is locked for as long as it lives, and removes those that killed
// processes left.
func (s *Store) openIncoming() error {
	all := filepath.Join(s.dir, incomingFolder)
	if err := os.MkdirAll(all, 0o700); err != nil {
		return err
	}

	gate, err := os.Open(all)
	if err != nil {
		return err
	}
	defer gate.Close() // lets the next one in

	if err := unix.Flock(int(gate.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", all, err)
	}

	if err := removeLeftovers(all); err != nil {
		return fmt.Errorf("remove what an earlier run left in %s: %w", all, err)
	}

	own, err := os.MkdirTemp(all, "run-*")
	if err != nil {
		return err
	}

	if s.alive, err = os.Open(own); err != nil {
		return err
	}

	return unix.Flock(int(s.alive.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

func removeLeftovers(all string) error {
	entries, err := os.ReadDir(all)
	for _, entry := range entries {
		left := filepath.Join(all, entry.Name())
		if !entry.IsDir() {
			err = errors.Join(err, ignoreNotExist(os.Remove(left)))

			continue
		}

		err = errors.Join(err, removeUnlocked(left))
	}

	return err
}

// removeUnlocked removes the directory of a process that is no more.
func removeUnlocked(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return ignoreNotExist(err)
	}
	defer file.Close() // only locked

	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil // somebody is at work there
		}

		return err
	}

	return os.RemoveAll(dir)
}

// incoming is where this process writes blobs before they are known to be whole.
func (s *Store) incoming() string { return s.alive.Name() }
