// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
)

func TestResetRefusesWhatWasNotMeant(t *testing.T) {
	file, work := keptSite(t)
	for _, args := range [][]string{{"--accept-risk", "everything"}, {"w9", "--yes"}, {"-o", "yaml"}} {
		code, out, said := run(t, append([]string{"reset", "-f", file, "--work-dir", work}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, said)
		require.Empty(t, out)
	}
	// Nobody is there, so there is nothing to lose; the name must be typed all the same.
	code, out, said := run(t, "reset", "-f", file, "--work-dir", work)
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, said, "Type test to go on: ")
	require.Contains(t, said, "nothing was done, for test was not typed")

	code, out, said = run(t, "reset", "-f", file, "--work-dir", work, "--dry-run")
	require.Zero(t, code, said)
	require.Regexp(t, `(?m)^cp1 .* nothing: it can't be asked, and the reset fails for it$`, out)
	require.Contains(t, out, "In this order: w1, then cp1;")
	require.NotContains(t, said, "Type test")
	code, out, said = run(t, "reset", "w1", "-f", file, "--work-dir", work, "--dry-run", "-o", "json")
	require.Zero(t, code, said)
	var plan bootstrap.ResetPlan
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	require.Equal(t, [][]string{{"w1"}}, plan.Order)

	code, out, said = run(t, "reset", "-f", file, "--work-dir", work, "--yes")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `(?m)^cp1 +failed +node cp1 \(127\.213\.7\.2\) does not answer$`, out)
	require.Contains(t, said, "not seen reset: w1")
}

func TestResetSaysFirstWhatItWipes(t *testing.T) {
	text := resetPlanText(bootstrap.ResetPlan{
		Nodes: []bootstrap.ResetNode{
			{Name: "cp1", Role: "controlplane", Address: "10.0.0.1", State: "ours", Wipes: []string{"EPHEMERAL", "/dev/sdb"}, Graceful: true},
			{Name: "w1", Role: "worker", Address: "10.0.0.2", State: "maintenance"},
		},
		Risks: []bootstrap.Risk{{Name: "data-loss", Why: "it is wiped"}},
	})
	require.Regexp(t, `(?m)^cp1 .* drained, leaves etcd +EPHEMERAL, /dev/sdb$`, text)
	require.Regexp(t, `(?m)^w1 .* nothing$`, text)
	require.Contains(t, text, "Risk data-loss: it is wiped\n")
	require.Contains(t, resetText(bootstrap.ResetResult{Ended: true}), "up --until install, then etcd restore")
}

func TestEtcdRestoreTakesNoSnapshotThatIsNone(t *testing.T) {
	file, work := keptSite(t)
	path := filepath.Join(t.TempDir(), "etcd.db")
	require.NoError(t, os.WriteFile(path, []byte("<html>"), 0o600))
	for _, more := range [][]string{nil, {"--dry-run"}} {
		code, _, said := run(t, append([]string{"etcd", "restore", path, "-f", file, "--work-dir", work}, more...)...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, said, "not a whole etcd snapshot")
	}
	code, _, said := run(t, "etcd", "restore", path, "-f", file, "--work-dir", work, "--accept-risk", "none")
	require.Equal(t, exitUsage, code, said)
	code, _, said = run(t, "etcd", "restore", path+".none", "-f", file, "--work-dir", work)
	require.Equal(t, exitFailed, code, said)
}

func TestEtcdRestoreSaysFirstWhatItDoes(t *testing.T) {
	plan := bootstrap.RestorePlan{
		Site: "test", Node: "cp1", File: "etcd.db", Bytes: 2048, SHA256: "ab", Joins: []string{"cp2"}, Later: []string{"cp3"}, Begun: true,
		Risks: []bootstrap.Risk{{Name: "data-loss", Why: "it is lost"}},
	}
	require.Equal(t, "etcd of test starts anew on cp1 from etcd.db (2.0 KiB, sha256 ab).\n"+
		"An earlier run began it, and was agreed to then: this one goes on.\n"+
		"Then it is waited until these have joined: cp2.\nWithout a config yet, and joined by the next up: cp3.\n\n"+
		"Risk data-loss: it is lost\n", restorePlanText(plan))
}
