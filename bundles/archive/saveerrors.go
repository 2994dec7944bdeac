// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// IncompleteError lists everything that an archive would lack.
type IncompleteError struct{ Missing []error }

func (e *IncompleteError) Error() string {
	lines := make([]string, len(e.Missing))
	for i, one := range e.Missing {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives all of them.
func (e *IncompleteError) Unwrap() []error { return e.Missing }

// Incomplete makes an *IncompleteError of those that are not nil; nil if all are.
func Incomplete(errs []error) error {
	missing := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(missing) == 0 {
		return nil
	}
	return &IncompleteError{missing}
}

// MissingError says that one part can't be had.
type MissingError struct {
	What string   // image quay.io/a/b:v1
	For  []string // who needs it
	Err  error
}

func (e *MissingError) Error() string {
	if len(e.For) == 0 {
		return fmt.Sprintf("%s: %v", e.What, e.Err)
	}
	return fmt.Sprintf("%s (for %s): %v", e.What, strings.Join(e.For, ", "), e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }

// NoFolderError says that there is no directory for a file that was to be written.
type NoFolderError struct{ File, Dir string }

func (e *NoFolderError) Error() string {
	return fmt.Sprintf("write %s: there is no directory %s", e.File, e.Dir)
}

// Hint makes it.
func (e *NoFolderError) Hint() string {
	return "mkdir -p " + ShellWord(e.Dir) + ", or name another place with --to"
}

// ShellWord is a word as a shell takes it, for commands in hints: in single quotes where it needs any.
func ShellWord(word string) string {
	if regexp.MustCompile(`^[\w./:@%+,=-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
