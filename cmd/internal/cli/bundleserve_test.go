// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALimitOfTheCacheNeedsACache(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	code, _, stderr := run(t, "bundle", "serve", "--store", store, "--cache-limit", "1Gi", "--listen", "256.0.0.1:0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--cache-limit bounds what --pull-through keeps")
	require.NoDirExists(t, store)
}

func TestTheLastButOneArchiveIsNeverDropped(t *testing.T) {
	for _, keep := range []string{"1", "0", "-1"} {
		store := filepath.Join(t.TempDir(), "store")
		code, _, stderr := run(t, "bundle", "serve", "--store", store, "--keep-archives", keep, "--listen", "256.0.0.1:0")
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "--keep-archives "+keep+": at least 2 stay")
		require.NoDirExists(t, store)
	}
}
