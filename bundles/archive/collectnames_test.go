// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
)

func TestNamesOfAStoreBelowAFolderOfAnyName(t *testing.T) {
	store, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "_data", "store"), nil)
	require.NoError(t, err)
	sum := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	dir := filepath.Join(store.dir, filepath.FromSlash(storeRoot), "repositories", "quay.io", "team", "tool", "_manifests", "revisions", "sha256", sum.Hex)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "link"), []byte(sum.String()), 0o600))

	found, err := store.scan(t.Context(), pins{})
	require.NoError(t, err)
	require.Equal(t, []string{"quay.io/team/tool@" + sum.String()}, found[sum].names())
}
