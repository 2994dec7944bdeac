// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func TestAResetNamesWhatMayBeLost(t *testing.T) {
	planes := []site.Node{{Name: "cp1", Role: site.ControlPlane}, {Name: "cp2", Role: site.ControlPlane}, {Name: "cp3", Role: site.ControlPlane}}
	worker := site.Node{Name: "w1", Role: site.Worker}
	ours := map[string]talos.State{"cp1": talos.Ours, "cp2": talos.Ours, "cp3": talos.Ours, "w1": talos.Ours}
	well := map[string]bool{"cp1": true, "cp2": true, "cp3": true}
	oneDown := map[string]bool{"cp1": true, "cp2": true, "cp3": false}
	for name, test := range map[string]struct {
		chosen   []site.Node
		states   map[string]talos.State
		voters   map[string]bool
		disks    map[string][]string
		options  ResetOptions
		want     []string
		graceful bool // of the first node
	}{
		"a worker":                    {chosen: []site.Node{worker}, voters: well, want: []string{RiskDataLoss}, graceful: true},
		"a worker with disks":         {chosen: []site.Node{worker}, voters: well, disks: map[string][]string{"w1": {"/dev/sdb"}}, want: []string{RiskDataLoss, RiskStorageReplicas}, graceful: true},
		"one of three":                {chosen: planes[:1], voters: well, want: []string{RiskDataLoss}, graceful: true},
		"one of three by force":       {chosen: planes[:1], voters: well, options: ResetOptions{Force: true}, want: []string{RiskDataLoss}},
		"two of three, one by one":    {chosen: planes[:2], voters: well, want: []string{RiskDataLoss}, graceful: true},
		"two of three by force":       {chosen: planes[:2], voters: well, options: ResetOptions{Force: true}, want: []string{RiskDataLoss, RiskQuorumLoss}},
		"a healthy one beside a dead": {chosen: planes[:1], voters: oneDown, want: []string{RiskDataLoss, RiskQuorumLoss}, graceful: true},
		"the dead one itself":         {chosen: planes[2:], voters: oneDown, want: []string{RiskDataLoss}, graceful: true},
		"all control planes":          {chosen: planes, voters: well, want: []string{RiskDataLoss, RiskLastControlPlane}},
		"all, keeping their configs":  {chosen: planes, voters: well, options: ResetOptions{KeepConfig: true}, want: []string{RiskDataLoss, RiskLastControlPlane}},
		"the last that is left": {
			chosen: planes[:1], voters: map[string]bool{"cp1": true}, want: []string{RiskDataLoss, RiskLastControlPlane},
			states: map[string]talos.State{"cp1": talos.Ours, "cp2": talos.Maintenance, "cp3": talos.Maintenance},
		},
		"one that may come back keeps it from being the last": {
			chosen: planes[:1], voters: map[string]bool{"cp1": true}, want: []string{RiskDataLoss, RiskQuorumLoss}, graceful: true,
			states: map[string]talos.State{"cp1": talos.Ours, "cp2": talos.Maintenance, "cp3": talos.Unreachable},
		},
		"nothing of ours": {chosen: planes, states: map[string]talos.State{"cp1": talos.Maintenance, "cp2": talos.Maintenance, "cp3": talos.Maintenance}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.states == nil {
				test.states = ours
			}
			plan := planReset("test", resetFacts{chosen: test.chosen, planes: planes, states: test.states, voters: test.voters, disks: test.disks}, test.options)
			var got []string
			for _, risk := range plan.Risks {
				got = append(got, risk.Name)
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.graceful, plan.Nodes[0].Graceful)
			require.NoError(t, unaccepted(plan.Risks, test.want))
			var left *UnacceptedRisksError
			if len(test.want) > 0 {
				require.ErrorAs(t, unaccepted(plan.Risks, test.want[1:]), &left)
				require.Contains(t, left.Hint(), "--accept-risk "+test.want[0])
			}
		})
	}
}

func TestEtcdIsForgottenOnlyWhenEveryControlPlaneWasSeenReset(t *testing.T) {
	planes := []string{"cp1", "cp2"}
	for name, test := range map[string]struct {
		resets map[string]workdir.ResetState
		ends   bool
	}{
		"none":           {nil, false},
		"one":            {map[string]workdir.ResetState{"cp1": workdir.ResetDone}, false},
		"one only asked": {map[string]workdir.ResetState{"cp1": workdir.ResetDone, "cp2": workdir.ResetAsked}, false},
		"a worker more":  {map[string]workdir.ResetState{"cp1": workdir.ResetDone, "w1": workdir.ResetDone}, false},
		"both":           {map[string]workdir.ResetState{"cp1": workdir.ResetDone, "cp2": workdir.ResetDone}, true},
	} {
		j := workdir.Journal{BootstrapNode: "cp1", BootstrapCalled: true, EtcdStarted: true, Resets: test.resets}
		endCluster(&j, planes)
		require.Equal(t, !test.ends, j.EtcdStarted, name)
		require.Equal(t, !test.ends, j.BootstrapNode == "cp1", name)
	}
}

func TestASiteIsResetAndComesUpAgain(t *testing.T) {
	o, running := installedSite(t, 1)
	agree := func(ResetPlan) error { return nil }
	all := []string{RiskDataLoss, RiskLastControlPlane}

	var risks *UnacceptedRisksError
	_, err := Reset(t.Context(), o, ResetOptions{Accept: all[:1], Confirm: agree})
	require.ErrorAs(t, err, &risks)
	refused := errors.New("no")
	_, err = Reset(t.Context(), o, ResetOptions{Accept: all, Confirm: func(ResetPlan) error { return refused }})
	require.ErrorIs(t, err, refused)
	var unknown *UnknownNodeError
	_, err = Reset(t.Context(), o, ResetOptions{Nodes: []string{"w9"}, Accept: all, Confirm: agree})
	require.ErrorAs(t, err, &unknown)
	require.NotEmpty(t, running[2].disks.Config(), "nothing was done")
	held := journalOf(t, o)
	plan, err := PlanReset(t.Context(), o, ResetOptions{})
	require.NoError(t, err, "no risk needs to be accepted to look")
	require.Equal(t, [][]string{{"w1"}, {"cp1"}}, plan.Order)
	require.Len(t, plan.Risks, 2)
	require.Equal(t, held, journalOf(t, o))
	require.NotEmpty(t, running[2].disks.Config(), "nothing was done")

	out, err := Reset(t.Context(), o, ResetOptions{Nodes: []string{"w1"}, Accept: all, Confirm: agree})
	require.NoError(t, err)
	require.Equal(t, ResetResult{Site: "test", Nodes: []ResetOutcome{{Node: "w1", State: ResetWiped}}}, out)
	require.Empty(t, running[5].disks.Config())
	require.NotEmpty(t, running[2].disks.Config())
	before := journalOf(t, o)
	require.True(t, before.EtcdStarted)
	require.False(t, before.Applied["w1"] || before.Installed["w1"], "it may boot from the network again")

	out, err = Reset(t.Context(), o, ResetOptions{Accept: all, Confirm: agree})
	require.NoError(t, err)
	require.True(t, out.Ended)
	require.Equal(t, []ResetOutcome{{Node: "w1", State: ResetNothing}, {Node: "cp1", State: ResetWiped}}, out.Nodes)
	ended := journalOf(t, o)
	require.False(t, ended.EtcdStarted || ended.BootstrapCalled)
	require.Empty(t, ended.BootstrapNode)

	_, err = Up(t.Context(), o)
	require.NoError(t, err)
	again := journalOf(t, o)
	require.True(t, again.EtcdStarted)
	require.Empty(t, again.Resets)
}

func journalOf(t *testing.T, o Options) workdir.Journal {
	t.Helper()
	dir, err := workdir.OpenForReading(o.WorkDir)
	require.NoError(t, err)
	j, err := dir.Journal()
	require.NoError(t, err)
	return j
}

func TestOneControlPlaneLeavesAndJoinsAgain(t *testing.T) {
	o, running := installedSite(t, 3)
	out, err := Reset(t.Context(), o, ResetOptions{
		Nodes: []string{"cp2"}, Accept: []string{RiskDataLoss}, Confirm: func(plan ResetPlan) error {
			require.True(t, plan.Nodes[0].Graceful)
			return nil
		},
	})
	require.NoError(t, err)
	require.False(t, out.Ended)
	require.Empty(t, running[3].disks.Config())
	require.True(t, journalOf(t, o).EtcdStarted)
	_, err = Up(t.Context(), o)
	require.NoError(t, err, "it joins the one that there is")

	// Only etcd's data: it comes back by itself, as another member.
	_, err = Reset(t.Context(), o, ResetOptions{
		Nodes: []string{"cp3"}, KeepConfig: true, Accept: []string{RiskDataLoss}, Confirm: func(ResetPlan) error { return nil },
	})
	require.NoError(t, err)
	require.NotEmpty(t, running[4].disks.Config())
	require.Empty(t, journalOf(t, o).Resets)
}
