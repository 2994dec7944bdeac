// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The image itself is tested where it is made; here is no program to make it of.
func TestImageCommandsSayWhatTheyNeed(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "image.tar")

	for _, arguments := range [][]string{
		{"image", "save", "--to", file, "--controller-binaries", empty},
		{"image", "push", "localhost:1/controller", "--controller-binaries", empty},
	} {
		code, stdout, stderr := run(t, arguments...)
		require.Equal(t, exitFailed, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "there is neither cozy-controller-linux-amd64 nor cozy-controller-linux-arm64")
		require.Contains(t, stderr, "hint: `make build` puts them beside cozy-install")
	}

	require.NoFileExists(t, file)
	require.NoError(t, os.WriteFile(filepath.Join(empty, "cozy-controller-linux-amd64"), nil, 0o600))

	for _, arguments := range [][]string{{"image", "save"}, {"image", "push"}, {"image", "push", "a", "b"}} {
		code, _, _ := run(t, arguments...)
		require.Equal(t, exitUsage, code, "%v", arguments)
	}
}
