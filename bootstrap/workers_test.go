// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// A worker's API has no certificate before there is etcd: lab/taloslab shows it with a real one.
func TestAConfiguredWorkerIsNotMissedBeforeThereIsEtcd(t *testing.T) {
	b := withSecrets(t, parseSite(t, "name: test", "name: test"))
	seen := map[string]sight{"w1": {state: talos.Unreachable}}
	for _, node := range b.controlPlanes() {
		seen[node.Name] = sight{state: talos.Ours}
	}
	var missing *MissingNodesError
	require.ErrorAs(t, b.assertSeen(seen, "are not there", talos.Ours), &missing, "it has no config yet")
	require.Equal(t, []string{"w1"}, missing.Nodes)

	note := func(change func(*workdir.Journal)) { require.NoError(t, b.dir.UpdateJournal(t.Context(), change)) }
	note(func(j *workdir.Journal) { j.Applied = map[string]bool{"w1": true, "cp1": true} })
	require.NoError(t, b.assertSeen(seen, "are not there", talos.Ours))
	seen["w1"] = sight{state: talos.Maintenance}
	require.ErrorAs(t, b.assertSeen(seen, "are not there", talos.Ours), &missing, "one that answers in maintenance mode lost its config")

	seen["w1"] = sight{state: talos.Unreachable}
	note(func(j *workdir.Journal) { j.EtcdStarted = true })
	require.ErrorAs(t, b.assertSeen(seen, "are not there", talos.Ours), &missing)
	require.Equal(t, []string{"w1"}, missing.Nodes)
}
