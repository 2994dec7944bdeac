// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What can't be saved is refused before anything is fetched for it: the work directory is not even made.
func TestAnArchiveThatCannotBeMadeIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	work, to := filepath.Join(dir, "work"), filepath.Join(dir, "a.tar")
	for _, test := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"--to", to, "--platform", "linux/mips"}, exitUsage, []string{`"linux/mips"`, "linux/amd64 or linux/arm64"}},
		{[]string{"--to", to, "--chart-source", "ftp://charts.example.org"}, exitUsage, []string{"ftp://charts.example.org", "oci"}},
		{[]string{"--to", filepath.Join(dir, "no", "a.tar")}, exitFailed, []string{"there is no directory", "hint: mkdir -p " + filepath.Join(dir, "no")}},
	} {
		args := append([]string{"bundle", "save", "-f", example, "--work-dir", work}, test.args...)
		code, _, said := run(t, args...)
		require.Equal(t, test.code, code, "%v: %s", test.args, said)
		for _, part := range test.says {
			require.Contains(t, said, part)
		}
		require.NoDirExists(t, work)
	}
}

func TestAWrongChartSourceIsAMistakeOfTheCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"bundle", "verify"}, {"bundle", "install", "-f", example}, {"bundle", "diff", "-f", example}, {"up", "-f", example},
	} {
		for source, says := range map[string]string{"ftp://x": "not the http(s), oci", "https://me:secret@x": "a login in its URL"} {
			code, _, said := run(t, append(args, "--chart-source", source)...)
			require.Equal(t, exitUsage, code, "%v: %s", args, said)
			require.Contains(t, said, says)
			require.NotContains(t, said, "secret")
		}
	}
}
