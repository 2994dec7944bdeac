// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"fmt"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Replace writes a file whole and in one step, mode 0600, whatever the mode of the one that it replaces: renameio.WriteFile would
// keep that. When it returns, both content and name are on disk. It needs no lock.
func Replace(path string, data []byte) error {
	if err := replace(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func replace(path string, data []byte) error {
	// The temporary file lies beside the file, not in a directory for everybody.
	fresh, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(fileMode))
	if err != nil {
		return err
	}
	defer fresh.Cleanup() //nolint:errcheck // nothing is left of one that has been renamed
	if _, err := fresh.Write(data); err != nil {
		return err
	}
	return fresh.CloseAtomicallyReplace()
}
