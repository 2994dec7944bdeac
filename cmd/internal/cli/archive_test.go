// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func TestCommandsThatNeedSourcesTakeAnArchive(t *testing.T) {
	file, work := deadSiteFile(t)
	for _, command := range [][]string{
		{"up"}, {"plan"}, {"bundle", "install"}, {"upgrade", "talos"}, {"upgrade", "kubernetes"}, {"node", "add", "w1"}, {"node", "replace", "w1"},
	} {
		on := append(command, "-f", file, "--work-dir", work)
		for _, wrong := range []string{"--unsigned", "--public-key=x", "--registry-store=x", "--archive=x --online"} {
			code, _, said := run(t, append(on, strings.Fields(wrong)...)...)
			require.Equal(t, exitUsage, code, "%v %s: %s", command, wrong, said)
		}
		code, _, said := run(t, append(on, "--archive", "absent.tar")...)
		require.Equal(t, exitFailed, code, "%v: %s", command, said)
		require.Contains(t, said, "the site file has no registries.bastion", command)
	}
}

// What an earlier run took from an archive, no later one takes from the network without being told.
func TestACommandAfterAnArchiveDoesNotTurnToTheNetwork(t *testing.T) {
	file, work := deadSiteFile(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text = append(text, "\nregistries: {bastion: {address: \"127.213.7.14:5999\"}}\n"...)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	kept := `{"file": "/a/saved.tar", "sha256": "00", "store": "` + filepath.Join(work, "gone") + `", "contents": {"format": 1, "bundle": "paas-full",
		"controller": "example.org/c:v1", "images": [{"name": "example.org/c:v1"}]}}`
	require.NoError(t, os.WriteFile(filepath.Join(work, workdir.ArchiveFile), []byte(kept), 0o600))
	code, _, said := run(t, "bundle", "install", "-f", file, "--work-dir", work)
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "the site takes everything from an archive, that of /a/saved.tar, which is not what it needs now")
	require.Contains(t, said, `it was saved for Talos ""`)
	require.Contains(t, said, "hint: ")
	require.FileExists(t, filepath.Join(work, workdir.ArchiveFile))
	code, _, said = run(t, "bundle", "install", "-f", file, "--work-dir", work, "--online", "--controller-image=example.org/c:v1", "--chart-source=http://127.213.7.14:5999")
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "read the index of chart source", "it is told to")
	require.NoFileExists(t, filepath.Join(work, workdir.ArchiveFile))
}

func TestPackagesOfAnExistingClusterCanBeInstalled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte(hostedSite), 0o600))
	code, out, said := run(t, "bundle", "install", "-f", file, "--dry-run", "-o", "json", "--controller-image=example.org/c:v1")
	require.Zero(t, code, said)
	require.True(t, json.Valid([]byte(out)))
}

func TestBundleVerifyTakesAnImageOfTheController(t *testing.T) {
	code, out, said := run(t, "bundle", "verify", "distro-hosted", "--offline", "-o", "json", "--controller-image=example.org/c:v1")
	require.Zero(t, code, "%s\n%s", said, out)
}
