// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"archive/zip"
	"encoding/json"
	"os"
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

	code, out, text = run(t, "support", "-f", file, "--work-dir", work, "-o", bundle, "--json")
	require.Zero(t, code, text)
	var made struct {
		File  string
		Nodes []struct{ State string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	require.Equal(t, bundle, made.File)
	require.Equal(t, "unreachable", made.Nodes[0].State)
}

func TestASupportBundleIsSealedToThoseWhoCanOpenIt(t *testing.T) {
	file, work := deadSiteFile(t)
	t.Chdir(t.TempDir())
	on := []string{"support", "-f", file, "--work-dir", work}
	code, out, text := run(t, append(on, "-o", "bundle.zip", "--encrypt-to", "age1nobody")...)
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, text, "--encrypt-to: ")
	require.NoFileExists(t, "bundle.zip")

	// A name that was given is kept; one that is made says what the file is.
	const anybody = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"
	code, _, text = run(t, append(on, "-o", "bundle.zip", "--encrypt-to", anybody)...)
	require.Zero(t, code, text)
	sealed, err := os.ReadFile("bundle.zip")
	require.NoError(t, err)
	require.Contains(t, string(sealed[:64]), "age-encryption.org")
	code, out, text = run(t, append(on, "--encrypt-to", anybody)...)
	require.Zero(t, code, text)
	require.Regexp(t, `/cozy-install-support-test-[0-9TZ-]+\.zip\.age\n$`, out)
}
