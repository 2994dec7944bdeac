// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// assertPinned looks for what was loaded before there were pins. Charts tell: they are never pulled through.
func (s *Store) assertPinned(keep pins) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, filepath.FromSlash(repositoryFolder), chartFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for charts in the registry's store: %w", err)
	}

	for _, entry := range entries {
		if name := path.Join(chartFolder, entry.Name()); entry.IsDir() && !keep.charts[name] {
			return &UnpinnedError{Store: s.dir, Chart: name}
		}
	}

	return nil
}

// UnpinnedError says that nothing is collected, as an archive was loaded by a program that did not write down what it needs.
type UnpinnedError struct {
	Store string
	Chart string // that was loaded: charts/cilium
}

func (e *UnpinnedError) Error() string {
	return fmt.Sprintf("nothing is removed from the registry's store %s: %s was loaded by an older cozy-install, which did not write down what "+
		"must stay", e.Store, e.Chart)
}

// Hint says what to do.
func (e *UnpinnedError) Hint() string {
	return "load the archive once more, which writes that down: cozy-install bundle serve --archive FILE; where there is none any more, " +
		"serve without --cache-limit"
}
