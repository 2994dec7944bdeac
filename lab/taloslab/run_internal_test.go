// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARunCleansUpAfterKilledOnesOnly(t *testing.T) {
	dir := t.TempDir()
	setting := func(name, now string) (path string) {
		path = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(now+"\n"), 0o600))
		return path
	}
	raised, changed, notRaised := setting("raised", "8192"), setting("changed", "9000"), setting("not raised", "128")
	living := &Lab{}
	require.NoError(t, living.begin(t.Context(), dir))
	t.Cleanup(func() { require.NoError(t, living.alive.Unlock()) })

	killed, early := filepath.Join(dir, runPrefix+"killed"), filepath.Join(dir, runPrefix+"killed-early")
	require.NoError(t, os.Mkdir(killed, 0o755))
	require.NoError(t, os.Mkdir(early, 0o755))
	data, err := json.Marshal(record{Cgroups: "cozy-taloslab-of-no-run-", Limits: limits{
		raised: {Before: "128", Raised: "8192"}, changed: {Before: "128", Raised: "8192"}, notRaised: {Before: "128", Raised: "8192"},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(killed, recordFile), data, 0o600))

	require.NoError(t, sweep(t.Context(), dir))
	require.NoDirExists(t, killed)
	require.NoDirExists(t, early)
	require.FileExists(t, filepath.Join(living.dir, recordFile))
	for path, want := range map[string]string{raised: "128", changed: "9000", notRaised: "128"} {
		got, err := readSetting(path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
}
