// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"archive/zip"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSupportWritesABundleOfADeadSiteAndPrintsItsName(t *testing.T) {
	file, work := deadSiteFile(t)
	bundle := filepath.Join(t.TempDir(), "bundle.zip")
	code, out, text := run(t, "support", "-f", file, "--work-dir", work, "-o", bundle)
	require.Zero(t, code, text)
	require.Equal(t, bundle+"\n", out)
	require.Contains(t, text, "cp1 is unreachable: nothing is collected from it\n")
	r, err := zip.OpenReader(bundle)
	require.NoError(t, err)
	require.NoError(t, r.Close())

	code, out, text = run(t, "support", "-f", file, "--work-dir", work, "-o", bundle+".age", "--encrypt-to", "age1nobody")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, text, "recipients")
	require.NoFileExists(t, bundle+".age")
}
