// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func plane(name string, state talos.State, data bool, members ...string) planeView {
	v := planeView{node: site.Node{Name: name}, state: state, data: data}
	for i, m := range members {
		v.members = append(v.members, talos.EtcdMember{ID: uint64(i + 1), Hostname: m})
	}
	return v
}

func TestEtcdIsRestoredOnlyWhereNothingOfItIsLeft(t *testing.T) {
	ours, maintenance := talos.Ours, talos.Maintenance
	called := &workdir.RestoreMark{Node: "cp1", Called: true}
	for name, test := range map[string]struct {
		mark  *workdir.RestoreMark
		views []planeView
		want  string // empty: it may be restored
	}{
		"all wiped":                     {nil, []planeView{plane("cp1", ours, false), plane("cp2", ours, false), plane("cp3", ours, false)}, ""},
		"others without a config":       {nil, []planeView{plane("cp1", ours, false), plane("cp2", maintenance, false)}, ""},
		"the chosen without a config":   {nil, []planeView{plane("cp1", maintenance, false), plane("cp2", ours, false)}, "cp1 is in maintenance mode"},
		"a healthy cluster":             {nil, []planeView{plane("cp1", ours, true, "cp1", "cp2"), plane("cp2", ours, true, "cp1", "cp2")}, "etcd's data is on cp1, cp2"},
		"one runs elsewhere":            {nil, []planeView{plane("cp1", ours, false), plane("cp2", ours, true, "cp2")}, "etcd's data is on cp2"},
		"data without a quorum":         {nil, []planeView{plane("cp1", ours, false), plane("cp2", ours, true)}, "etcd's data is on cp2"},
		"members without data is weird": {nil, []planeView{plane("cp1", ours, false), plane("cp2", ours, false, "cp2")}, "etcd's data is on cp2"},
		"one is silent":                 {nil, []planeView{plane("cp1", ours, false), plane("cp2", talos.Unreachable, false)}, "cp2 (unreachable)"},
		"one is somebody else's":        {nil, []planeView{plane("cp1", ours, false), plane("cp2", talos.Foreign, false)}, "cp2 (foreign)"},
		"one can't be asked": {
			nil, []planeView{plane("cp1", ours, false), {node: site.Node{Name: "cp2"}, state: ours, err: errors.New("no")}}, "cp2 (no)",
		},
		"begun, not called":        {&workdir.RestoreMark{Node: "cp1"}, []planeView{plane("cp1", ours, true), plane("cp2", ours, false)}, "etcd's data is on cp1"},
		"called, not seen yet":     {called, []planeView{plane("cp1", ours, false), plane("cp2", ours, false)}, ""},
		"called, unpacking":        {called, []planeView{plane("cp1", ours, true), plane("cp2", ours, false)}, ""},
		"called, others joined":    {called, []planeView{plane("cp1", ours, true, "cp1", "cp2"), plane("cp2", ours, true, "cp1", "cp2")}, ""},
		"called, one joins":        {called, []planeView{plane("cp1", ours, true, "cp1"), plane("cp2", ours, true)}, ""},
		"called, another one rose": {called, []planeView{plane("cp1", ours, true, "cp1"), plane("cp2", ours, true, "cp2")}, "etcd's data is on cp2"},
		"called, only others have": {called, []planeView{plane("cp1", ours, false), plane("cp2", ours, true, "cp1", "cp2")}, "etcd's data is on cp2"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mayRestore("cp1", test.mark, test.views)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			var refused *RestoreRefusedError
			require.ErrorAs(t, err, &refused)
			require.ErrorContains(t, err, test.want)
			require.NotEmpty(t, refused.Hint())
		})
	}
}

// wipeEtcd wipes EPHEMERAL of all control planes.
func wipeEtcd(t *testing.T, o Options) {
	t.Helper()
	_, err := Reset(t.Context(), o, ResetOptions{
		Nodes: names((&bringup{site: o.Site}).controlPlanes()), KeepConfig: true, Force: true,
		Accept: []string{RiskDataLoss, RiskLastControlPlane}, Confirm: func(ResetPlan) error { return nil },
	})
	require.NoError(t, err)
}

func TestALostEtcdComesBackFromASnapshotAsOneCluster(t *testing.T) {
	o, _ := installedSite(t, 3)
	taken, err := TakeSnapshot(t.Context(), o, SnapshotOptions{})
	require.NoError(t, err)
	agreed := RestoreOptions{File: taken.Path, Accept: []string{RiskDataLoss}}

	var refused *RestoreRefusedError
	_, err = PlanRestore(t.Context(), o, RestoreOptions{File: taken.Path})
	require.ErrorAs(t, err, &refused, "a preview is refused where the restore would be")
	_, err = Restore(t.Context(), o, agreed)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"cp1", "cp2", "cp3"}, refused.Holding, "it runs")
	require.Contains(t, refused.Hint(), "cozy-install reset cp1 cp2 cp3 --keep-config")

	wipeEtcd(t, o)
	require.True(t, journalOf(t, o).EtcdStarted, "nothing but a restore may follow")
	var lost *LostEtcdError
	short := o
	short.NodeTimeout = 2e9
	_, err = Up(t.Context(), short)
	require.ErrorAs(t, err, &lost)

	broken := filepath.Join(t.TempDir(), "broken.db")
	data, err := os.ReadFile(taken.Path)
	require.NoError(t, err)
	data[5000] ^= 1
	require.NoError(t, os.WriteFile(broken, data, 0o600))
	var bad *talos.SnapshotError
	_, err = Restore(t.Context(), o, RestoreOptions{File: broken, Accept: []string{RiskDataLoss}})
	require.ErrorAs(t, err, &bad)
	no := errors.New("no")
	var risks *UnacceptedRisksError
	_, err = Restore(t.Context(), o, RestoreOptions{File: taken.Path})
	require.ErrorAs(t, err, &risks)
	_, err = Restore(t.Context(), o, RestoreOptions{
		File: taken.Path, Accept: agreed.Accept, Confirm: func(RestorePlan) error { return no },
	})
	require.ErrorIs(t, err, no)
	plan, err := PlanRestore(t.Context(), o, RestoreOptions{File: taken.Path})
	require.NoError(t, err)
	require.Equal(t, []string{"cp2", "cp3"}, plan.Joins)
	require.Equal(t, "cp1", plan.Node)
	require.False(t, plan.Begun)
	_, err = PlanRestore(t.Context(), o, RestoreOptions{File: broken})
	require.ErrorAs(t, err, &bad)
	require.Nil(t, journalOf(t, o).Restore)

	// Interrupted as soon as the snapshot is on its way: up must not start an empty etcd now.
	ctx, stop := context.WithCancel(t.Context())
	cut := agreed
	cut.Say = func(format string, _ ...any) {
		if strings.Contains(format, "is given the snapshot") {
			stop()
		}
	}
	_, err = Restore(ctx, o, cut)
	require.ErrorIs(t, err, context.Canceled)
	mark := journalOf(t, o).Restore
	require.Equal(t, "cp1", mark.Node)
	require.Equal(t, taken.SHA256, mark.SHA256)
	var pending *PendingRestoreError
	_, err = Up(t.Context(), o)
	require.ErrorAs(t, err, &pending)
	var other *OtherRestoreError
	_, err = Restore(t.Context(), o, RestoreOptions{File: taken.Path, Node: "cp2", Accept: []string{RiskDataLoss}})
	require.ErrorAs(t, err, &other)

	restored, err := Restore(t.Context(), o, agreed)
	require.NoError(t, err)
	require.True(t, restored.Begun)
	require.Equal(t, []string{"cp1", "cp2", "cp3"}, restored.Members)
	require.Nil(t, journalOf(t, o).Restore)
	_, err = Up(t.Context(), o)
	require.NoError(t, err)
}
