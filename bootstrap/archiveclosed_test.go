// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// isClosedWhereARunCannotBegin: what a site file gets wrong is found after the archive was opened.
func (a *archivedSite) isClosedWhereARunCannotBegin(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which closes what nobody has any more
	o := a.options(t)
	wrong := *a.site
	wrong.Packages.Enable = []string{"nonsense"}
	o.Site = &wrong
	_, err := Up(t.Context(), o)
	require.ErrorContains(t, err, "nonsense")
	_, err = Plan(t.Context(), o)
	require.ErrorContains(t, err, "nonsense")
	require.Empty(t, opened(t, a.file))
}

// opened are this process's descriptors of a file.
func opened(t *testing.T, file string) (out []string) {
	t.Helper()
	const descriptors = "/proc/self/fd"
	entries, err := os.ReadDir(descriptors)
	require.NoError(t, err)
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(descriptors, entry.Name())); err == nil && target == file {
			out = append(out, entry.Name())
		}
	}
	return out
}
