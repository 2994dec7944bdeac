// SPDX-License-Identifier: Apache-2.0

package lease

import "fmt"

// FileError says that the lease file can't be read. Going on without it would give addresses twice.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("read lease file %s: %v", e.Path, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// Hint says how to start without the file.
func (e *FileError) Hint() string {
	return fmt.Sprintf("correct it; or, when no machine uses an address of the pool, move it away: mv %s %[1]s.broken", e.Path)
}
