// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// do runs a change of one node, with texts of the site file replaced.
func (r *rack) do(ctx context.Context, of func(*site.Site, string) (Work, error), name string, wasIs ...string) error {
	r.Helper()
	b := r.bringup(wasIs...)
	w, err := of(b.site, name)
	require.NoError(r, err)
	_, err = r.carryOut(ctx, b, w)
	return err
}

// members are the names of etcd's members, as the given control plane sees them.
func (r *rack) members(of string) []string {
	r.Helper()
	b := r.bringup()
	defer func() { require.NoError(r, b.dir.Close()) }()
	node, err := nodeOf(b.site, of)
	require.NoError(r, err)
	members, err := b.membersOf(r.Context(), node)
	require.NoError(r, err)
	out := []string{}
	for _, m := range members {
		require.False(r, m.Learner, m.Hostname)
		out = append(out, m.Hostname)
	}
	slices.Sort(out)
	return out
}

// registered are the names of the nodes that Kubernetes knows.
func (r *rack) registered() []string {
	r.Helper()
	b := r.bringup()
	defer func() { require.NoError(r, b.dir.Close()) }()
	states, err := b.cluster.NodeStates(r.Context())
	require.NoError(r, err)
	out := []string{}
	for _, state := range states {
		out = append(out, state.Name)
	}
	return out
}

// One site loses, gets and exchanges nodes, and is never without an etcd that has its quorum.
func TestNodesAreRemovedAddedAndReplaced(t *testing.T) {
	const network = 216
	r := newRack(t, network)
	everybody, planes := []string{"cp1", "cp2", "cp3", "w1"}, []string{"cp1", "cp2", "cp3"}
	touched := []string{"wiped", "install", "config-changed", "member-removed"}
	r.happened()

	t.Run("a control plane that runs is removed, also that of the bootstrap", func(t *testing.T) {
		require.NoError(t, r.do(t.Context(), RemoveNode, "cp1"))
		require.Equal(t, []string{"cp1 wiped"}, r.happened(touched...))
		require.Equal(t, []string{"cp2", "cp3"}, r.members("cp2"))
		require.Equal(t, []string{"cp2", "cp3", "w1"}, r.registered())
		require.NoError(t, r.do(t.Context(), RemoveNode, "cp1"), "once more")
		b := r.bringup()
		journal, err := b.dir.Journal()
		require.NoError(t, err)
		require.Equal(t, "cp2", journal.BootstrapNode)
		require.NotContains(t, journal.Installed, "cp1")
		require.NoError(t, b.dir.Close())
	})
	t.Run("and added again", func(t *testing.T) {
		r.happened()
		start := time.Now()
		require.ErrorContains(t, r.do(t.Context(), AddNode, "cp1", "disk: {serial: D2}", "disk: {serial: D9}"), "cp1")
		require.Less(t, time.Since(start), 30*time.Second, "one that refuses is not waited for")
		r.happened()
		ctx, stop := r.killedAt(t.Context(), "cp1 configured")
		err := r.do(ctx, AddNode, "cp1")
		stop()
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, r.do(t.Context(), AddNode, "cp1"))
		for _, event := range r.happened(touched...) {
			require.Contains(t, event, "cp1 ", "nobody else is touched")
		}
		require.Equal(t, planes, r.members("cp1"))
		require.Equal(t, everybody, r.registered())
	})
	t.Run("a machine that runs is not replaced", func(t *testing.T) {
		var alive *AliveError
		require.ErrorAs(t, r.do(t.Context(), ReplaceNode, "cp3"), &alive)
		require.Empty(t, r.happened(touched...))
	})
	t.Run("a dead one is", func(t *testing.T) {
		u := r.units["cp3"]
		u.off()
		u.disks, u.card = &talosim.Storage{}, 0x99
		u.on(network)
		changed := []string{"52:54:00:14:00:04", "52:54:00:14:99:04"}
		ctx, stop := r.killedAt(t.Context(), "cp3 install")
		err := r.do(ctx, ReplaceNode, "cp3", changed...)
		stop()
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, r.do(t.Context(), ReplaceNode, "cp3", changed...))
		require.Equal(t, []string{"cp1 member-removed", "cp3 install"}, r.happened(touched...), "the member is removed once")
		require.Equal(t, planes, r.members("cp3"))
		require.Equal(t, everybody, r.registered())
	})
	t.Run("a dead worker is removed", func(t *testing.T) {
		r.units["w1"].off()
		require.NoError(t, r.do(t.Context(), RemoveNode, "w1"))
		require.Equal(t, planes, r.registered())
	})
	t.Run("nobody is removed while another member is away", func(t *testing.T) {
		r.units["cp2"].off()
		var absent *AbsentNodesError
		require.ErrorAs(t, r.do(t.Context(), RemoveNode, "cp1"), &absent)
		require.Equal(t, []string{"cp2"}, absent.Nodes)
		require.NoError(t, r.do(t.Context(), RemoveNode, "cp2"), "but the one that is away")
		require.Equal(t, []string{"cp1", "cp3"}, r.members("cp1"))
		r.happened()
	})
	t.Run("one of two that is dead is not, for there is no quorum", func(t *testing.T) {
		r.units["cp3"].off()
		var lost *LostQuorumError
		require.ErrorAs(t, r.do(t.Context(), RemoveNode, "cp3"), &lost)
		require.EqualError(t, lost, "etcd has no quorum without cp3: 1 of its 2 members run")
		require.Empty(t, r.happened(touched...))
	})
	t.Run("but one that runs is, and the last is not", func(t *testing.T) {
		r.units["cp3"].on(network)
		require.Eventually(t, func() bool {
			b := r.bringup()
			defer func() { _ = b.dir.Close() }()
			node, err := nodeOf(b.site, "cp3")
			require.NoError(t, err)
			return b.assertMember(t.Context(), node) == nil
		}, time.Minute, 100*time.Millisecond)
		require.NoError(t, r.do(t.Context(), RemoveNode, "cp3"))
		require.Equal(t, []string{"cp1"}, r.members("cp1"))
		require.Equal(t, []string{"cp3 wiped"}, r.happened(touched...))
		var last *LastControlPlaneError
		require.ErrorAs(t, r.do(t.Context(), RemoveNode, "cp1"), &last)
		require.Empty(t, r.happened(touched...))
	})
	t.Run("one control plane becomes two, then three", func(t *testing.T) {
		require.NoError(t, r.do(t.Context(), AddNode, "cp3", "52:54:00:14:00:04", "52:54:00:14:99:04"))
		require.Equal(t, []string{"cp1", "cp3"}, r.members("cp3"))
		r.units["cp2"].disks = &talosim.Storage{}
		r.units["cp2"].on(network)
		require.NoError(t, r.do(t.Context(), AddNode, "cp2"))
		require.Equal(t, planes, r.members("cp2"))
	})
}

func TestAChangeOfANodeWantsItsRisksAccepted(t *testing.T) {
	o := Options{Site: parseSite(t, "", ""), WorkDir: t.TempDir()}
	for change, risks := range map[string][]string{
		"remove": {RiskDataLoss}, "replace": {RiskDataLoss, RiskStorageReplicas},
	} {
		of := map[string]func(*site.Site, string) (Work, error){"remove": RemoveNode, "replace": ReplaceNode}[change]
		w, err := of(o.Site, "w1")
		require.NoError(t, err)
		var unaccepted *UnacceptedRisksError
		_, err = w.Run(t.Context(), o, Agreement{Accept: risks[1:]})
		require.ErrorAs(t, err, &unaccepted)
		require.Equal(t, RiskDataLoss, unaccepted.Risks[0].Name)
		refused := errors.New("no")
		_, err = w.Run(t.Context(), o, Agreement{Accept: risks, Confirm: func(planned PlannedChange) error {
			require.Equal(t, change+" node w1", planned.Change)
			require.Len(t, planned.Risks, len(risks))
			require.Equal(t, "preflight", planned.Phases[0].ID)
			return refused
		}})
		require.ErrorIs(t, err, refused)
	}
	_, err := RemoveNode(o.Site, "w9")
	var unknown *UnknownNodeError
	require.ErrorAs(t, err, &unknown)
}

func TestOnlyTheControlPlanesAndTheNodeMayBeMembers(t *testing.T) {
	member := func(name string, learner bool) talos.EtcdMember {
		return talos.EtcdMember{ID: uint64(len(name)), Hostname: name, Learner: learner}
	}
	planes := []string{"cp1", "cp2"}
	require.NoError(t, assertVotes([]talos.EtcdMember{member("cp1", false), member("cp2", false)}, planes, "cp3"))
	require.NoError(t, assertVotes([]talos.EtcdMember{member("cp1", false), member("cp2", false), member("cp3", true)}, planes, "cp3"))
	require.ErrorContains(t, assertVotes([]talos.EtcdMember{member("cp1", false), member("cp2", true)}, planes, "cp3"), "cp2 has no vote")
	require.ErrorContains(t, assertVotes([]talos.EtcdMember{member("cp1", false)}, planes, "cp3"), "etcd has 1 of 2 members")
	var unknown *UnknownMemberError
	require.ErrorAs(t, assertVotes([]talos.EtcdMember{member("cp1", false), member("old", false)}, planes, "cp3"), &unknown)
}
