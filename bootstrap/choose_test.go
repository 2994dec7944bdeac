// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func TestAnotherBootstrapNodeIsChosenOnlyWhileNobodyCanHaveEtcd(t *testing.T) {
	view := func(name string, state talos.State) etcdView { return etcdView{node: name, state: state} }
	ready := []etcdView{view("cp1", talos.Ours), view("cp2", talos.Ours), view("cp3", talos.Maintenance)}
	with := func(changed etcdView) []etcdView { return []etcdView{ready[0], changed, ready[2]} }
	chosen := workdir.Journal{BootstrapNode: "cp1"}
	called := workdir.Journal{BootstrapNode: "cp1", BootstrapCalled: true}
	for name, test := range map[string]struct {
		node    string
		journal workdir.Journal
		views   []etcdView
		want    string // empty: it may
	}{
		"nothing was chosen":            {"cp2", workdir.Journal{}, ready, ""},
		"all answer, none was asked":    {"cp2", chosen, ready, ""},
		"the same again":                {"cp1", chosen, ready, ""},
		"the same after the call":       {"cp1", called, ready, ""},
		"the former one left the site":  {"cp2", workdir.Journal{BootstrapNode: "cp9"}, ready, ""},
		"the former one was asked":      {"cp2", called, ready, "cp1 has been asked to bootstrap, and may have done so"},
		"it was asked, and is wiped":    {"cp2", called, []etcdView{view("cp1", talos.Maintenance), ready[1], ready[2]}, "cp1 has been asked to bootstrap"},
		"it was asked, and left":        {"cp2", workdir.Journal{BootstrapNode: "cp9", BootstrapCalled: true}, ready, "cp9 has been asked to bootstrap"},
		"etcd has run":                  {"cp2", workdir.Journal{BootstrapNode: "cp1", BootstrapCalled: true, EtcdStarted: true}, ready, "etcd has run before"},
		"one has etcd":                  {"cp1", chosen, with(etcdView{node: "cp2", state: talos.Ours, runs: true}), "etcd runs on cp2"},
		"one is off":                    {"cp1", chosen, with(view("cp2", talos.Unreachable)), "cp2 is unreachable"},
		"one is somebody else's":        {"cp1", chosen, with(etcdView{node: "cp2", state: talos.Foreign, unsaid: "belongs to another"}), "cp2 cannot be asked: belongs to another"},
		"one does not tell":             {"cp1", chosen, with(etcdView{node: "cp2", state: talos.Ours, unsaid: "time-out"}), "cp2 cannot be asked: time-out"},
		"a worker, or nobody":           {"w1", chosen, ready, "it is no control plane"},
		"two problems are told at once": {"cp1", chosen, []etcdView{view("cp1", talos.Unreachable), view("cp2", talos.Unreachable), ready[2]}, "cp1 is unreachable; cp2 is unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mayChoose(test.node, test.journal, test.views)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			var refused *ChooseRefusedError
			require.ErrorAs(t, err, &refused)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestChoosingChangesNothingWhileControlPlanesAreSilent(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	work := b.dir.Path("")
	require.NoError(t, b.dir.UpdateJournal(t.Context(), func(j *workdir.Journal) { j.BootstrapNode = "cp1" }))
	require.NoError(t, b.dir.Close())
	_, err := ChooseBootstrapNode(t.Context(), Options{Site: b.site, WorkDir: work}, "cp2")
	require.ErrorContains(t, err, "choose cp2 for etcd's bootstrap: cp1 is unreachable; cp2 is unreachable; cp3 is unreachable")
	again, err := workdir.Open(work)
	require.NoError(t, err)
	b.dir = again
	journal, err := again.Journal()
	require.NoError(t, err)
	require.Equal(t, workdir.Journal{BootstrapNode: "cp1"}, journal)
	require.NoError(t, again.Close())
}
