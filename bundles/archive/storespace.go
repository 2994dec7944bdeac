// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"sync"
	"syscall"
)

// keepFree is what the cache leaves free on its file system, in bytes: a bastion with a full disk loses more than a cache.
const keepFree = 256 << 20

// space is what downloads and loads that run side by side have been promised and not yet written.
type space struct {
	mu       sync.Mutex
	promised int64 // bytes
}

// room is a promise of space. Used and release may be called by one at a time.
type room struct {
	of   *space
	left int64
}

// reserve promises room for one blob of so many bytes, or is an error where it would fill the file system.
func (s *Store) reserve(size int64) (*room, error) {
	room, err := s.promise(max(size, 0))
	if err != nil {
		return nil, err
	}

	if size < 0 || size > maxFile {
		room.release()

		return nil, fmt.Errorf("a blob of %d bytes: at most %d are taken: %w", size, int64(maxFile), syscall.ENOSPC)
	}

	return room, nil
}

// promise is reserve for any number of blobs.
func (s *Store) promise(size int64) (*room, error) {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()

	available, err := freeSpace(s.dir)
	if err != nil {
		return nil, err
	}

	free := available - s.space.promised
	if size > 0 && free-size < keepFree {
		return nil, &NoRoomError{Dir: s.dir, Free: free, Need: size}
	}

	s.space.promised += size

	return &room{of: &s.space, left: size}, nil
}

// NoRoomError says that the file system of the registry's store would become full. It is syscall.ENOSPC.
type NoRoomError struct {
	Dir        string
	Free, Need int64 // bytes, beside what is on its way
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("%s has %d MiB free beside what is on its way, of which %d MiB are left free, and %d MiB are needed: %v",
		e.Dir, e.Free>>20, keepFree>>20, (e.Need+1<<20-1)>>20, syscall.ENOSPC)
}

func (e *NoRoomError) Unwrap() error { return syscall.ENOSPC }

// Hint says what to do.
func (e *NoRoomError) Hint() string {
	return "make room on the file system of " + e.Dir + "; what was pulled through goes with cozy-install bundle serve --cache-limit"
}

// used takes what was written off the promise: the file system counts it from then on.
func (r *room) used(n int64) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()

	n = min(n, r.left)
	r.left -= n
	r.of.promised -= n
}

// release gives back what was not used.
func (r *room) release() { r.used(r.left) }
