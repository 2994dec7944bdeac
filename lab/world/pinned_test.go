// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/standin"
)

// pinnedName is an image with tag and digest, as package files have it.
var pinnedName = regexp.MustCompile(`([\w./-]+:[\w.-]+)@(sha256:[0-9a-f]{64})`)

// buildPinnedTo builds the product with other digests in its package files: those of images that the lab makes up, since nobody can
// make one up for a given digest. Nothing else is different, least of all what is checked: the linker reads copies of the files
// (go build -overlay). It returns the images as the files then have them.
func buildPinnedTo(t *testing.T) (built Programs, pinned []string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	replace := map[string]string{}
	err = filepath.WalkDir(filepath.Join(root, "bundles", "packages"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := pinnedName.ReplaceAllStringFunc(string(text), func(name string) string {
			name, _, _ = strings.Cut(name, "@")
			digest, err := standin.MadeUpDigest(name)
			require.NoError(t, err)
			pinned = append(pinned, name+"@"+digest)
			return name + "@" + digest
		})
		if changed == string(text) {
			return nil
		}
		replace[path] = filepath.Join(dir, entry.Name())
		return os.WriteFile(replace[path], []byte(changed), 0o600)
	})
	require.NoError(t, err)
	require.NotEmpty(t, pinned)
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	built, err = BuildPrograms(t.Context(), root, filepath.Join(dir, "bin"), "-overlay", file)
	require.NoError(t, err)
	require.NoError(t, os.Link(built.Controller, built.Controller+"-linux-"+runtime.GOARCH), "as make build names it")
	return built, pinned
}
