// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestOneEtcdHoldsWhenAllSeeAllAndEachHasAVote(t *testing.T) {
	var (
		cp1     = talos.EtcdMember{ID: 0x1a, Hostname: "cp1"}
		cp2     = talos.EtcdMember{ID: 0x2b, Hostname: "cp2"}
		cp3     = talos.EtcdMember{ID: 0x3c, Hostname: "cp3"}
		cp3old  = talos.EtcdMember{ID: 0x33, Hostname: "cp3"}
		learner = talos.EtcdMember{ID: 0x3c, Hostname: "cp3", Learner: true}
		unborn  = talos.EtcdMember{ID: 0x3c}
	)
	all := []talos.EtcdMember{cp1, cp2, cp3}
	type views = map[string][]talos.EtcdMember
	for name, test := range map[string]struct {
		views views
		want  string // empty: it holds
	}{
		"all see all":                  {views{"cp1": all, "cp2": all, "cp3": all}, ""},
		"in another order":             {views{"cp1": all, "cp2": {cp3, cp1, cp2}, "cp3": all}, ""},
		"before bootstrap":             {views{}, "etcd does not run yet on cp1, cp2, cp3"},
		"the first alone":              {views{"cp1": {cp1}}, "etcd does not run yet on cp2, cp3"},
		"another than the first alone": {views{"cp2": {cp2}}, "etcd does not run yet on cp1, cp3"},
		"one more to come":             {views{"cp1": {cp1, cp2}, "cp2": {cp1, cp2}}, "etcd does not run yet on cp3"},
		"one joining": {
			views{"cp1": all, "cp2": {cp1, cp2}, "cp3": all},
			"the etcd members are changing: cp1 sees cp1 (1a), cp2 (2b), cp3 (3c); cp2 sees cp1 (1a), cp2 (2b); cp3 sees cp1 (1a), cp2 (2b), cp3 (3c)",
		},
		"one without a vote": {
			views{"cp1": {cp1, cp2, learner}, "cp2": {cp1, cp2, learner}, "cp3": {cp1, cp2, learner}},
			"etcd has 2 of 3 members: cp1 (1a), cp2 (2b), cp3 (3c) learner",
		},
		"one that never started": {
			views{"cp1": {cp1, cp2, unborn}, "cp2": {cp1, cp2, unborn}, "cp3": {cp1, cp2, unborn}},
			"etcd has 2 of 3 members:  (3c), cp1 (1a), cp2 (2b)",
		},
		"one that was wiped and came back": {
			views{"cp1": {cp1, cp2, cp3, cp3old}, "cp2": {cp1, cp2, cp3, cp3old}, "cp3": {cp1, cp2, cp3, cp3old}},
			"etcd has 4 of 3 members: cp1 (1a), cp2 (2b), cp3 (33), cp3 (3c)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := oneEtcd([]string{"cp1", "cp2", "cp3"}, test.views)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
			var split *SplitEtcdError
			require.NotErrorAs(t, err, &split, "nobody is told to reset a control plane that only needs time")
		})
	}
}

func TestTwoEtcdClustersAreASplitAlsoWhileAThirdIsSilent(t *testing.T) {
	one, two := []talos.EtcdMember{{ID: 1, Hostname: "cp1"}}, []talos.EtcdMember{{ID: 2, Hostname: "cp1"}}
	for name, views := range map[string]map[string][]talos.EtcdMember{
		"two single ones":      {"cp1": one, "cp2": two, "cp3": two},
		"the first is silent":  {"cp2": one, "cp3": two},
		"the second is silent": {"cp1": one, "cp3": two},
	} {
		var split *SplitEtcdError
		require.ErrorAs(t, oneEtcd([]string{"cp1", "cp2", "cp3"}, views), &split, name)
		require.Contains(t, split.Error(), "cp1 (1)", name)
		require.Contains(t, split.Error(), "cp1 (2)", name)
	}
}

// A node that comes back after it was taken out of the site file joins the etcd that it finds. Waiting would not help.
func TestAMemberThatIsNoControlPlaneOfTheSiteIsNamed(t *testing.T) {
	members := []talos.EtcdMember{{ID: 1, Hostname: "cp1"}, {ID: 2, Hostname: "gone"}}
	err := oneEtcd([]string{"cp1"}, map[string][]talos.EtcdMember{"cp1": members})
	var unknown *UnknownMemberError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "gone (2)", unknown.Member)
	require.True(t, isFinal(err))
	require.NoError(t, oneEtcd([]string{"cp1"}, map[string][]talos.EtcdMember{"cp1": members}, "gone"))

	members[1].Hostname = ""
	err = oneEtcd([]string{"cp1"}, map[string][]talos.EtcdMember{"cp1": members})
	require.EqualError(t, err, "etcd has 1 of 1 members:  (2), cp1 (1)", "one that has not started may be anybody's")
	require.False(t, isFinal(err))
}

func TestOneControlPlaneIsAWholeEtcd(t *testing.T) {
	require.NoError(t, oneEtcd([]string{"cp1"}, map[string][]talos.EtcdMember{"cp1": {{ID: 1, Hostname: "cp1"}}}))
}

func TestDescribeTellsMembersOfOneNameApart(t *testing.T) {
	require.Equal(t, "no members", describe(nil))
	require.Equal(t, "a (10), b (ff) learner", describe([]talos.EtcdMember{{ID: 255, Hostname: "b", Learner: true}, {ID: 16, Hostname: "a"}}))
}
