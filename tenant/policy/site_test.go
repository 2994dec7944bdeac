// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant/policy"
)

func TestASiteIsChecked(t *testing.T) {
	require.NoError(t, site().Check())

	for name, tc := range map[string]struct {
		spoil func(*policy.Site)
		want  string
	}{
		"no nodes":       {func(s *policy.Site) { s.Nodes = nil }, "nodes: empty"},
		"no pods":        {func(s *policy.Site) { s.Pods = nil }, "pods: empty"},
		"no services":    {func(s *policy.Site) { s.Services = nil }, "services: empty"},
		"zero":           {func(s *policy.Site) { s.BMCs = []netip.Prefix{{}} }, "bmcs[0]: \"invalid Prefix\": not a range"},
		"everything":     {func(s *policy.Site) { s.Bastions = ranges("::/0") }, "bastions[0]: \"::/0\": the whole world"},
		"stray bits":     {func(s *policy.Site) { s.Join = ranges("10.0.0.1/8") }, "write 10.0.0.0/8"},
		"disguised":      {func(s *policy.Site) { s.Join = ranges("::ffff:10.0.0.0/104") }, "an IPv4 range in IPv6 form"},
		"no address":     {func(s *policy.Site) { s.API = []netip.Addr{{}} }, "api[0]"},
		"no port":        {func(s *policy.Site) { s.APIPort = 0 }, "apiPort"},
		"no domain":      {func(s *policy.Site) { s.ClusterDomain = "" }, "clusterDomain"},
		"no enforcer":    {func(s *policy.Site) { s.Enforces = "" }, "enforces: \"\": not one of cilium"},
		"API not to see": {func(s *policy.Site) { s.Enforces, s.API = policy.EnforcesKubernetes, nil }, "api: empty"},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := site()
			tc.spoil(&spoilt)

			err := spoilt.Check()
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, 1, strings.Count(err.Error(), "\n")+1, "nothing else is wrong: %v", err)
		})
	}

	require.Equal(t, 6, strings.Count(policy.Site{}.Check().Error(), "\n")+1, "everything is said at once")
}

func TestASiteIsReadFromJSON(t *testing.T) {
	text, err := json.Marshal(site())
	require.NoError(t, err)

	read, err := policy.ReadSite(text)
	require.NoError(t, err)
	require.Equal(t, site(), read)

	_, err = policy.ReadSite([]byte(`{"node": []}`))
	require.ErrorContains(t, err, `unknown field "node"`)

	_, err = policy.ReadSite([]byte(`{}`))
	require.ErrorContains(t, err, "nodes: empty")
}

func TestNetworkPolicyHasGapsAndCiliumHasNone(t *testing.T) {
	cilium, hosted := site(), site()
	hosted.Enforces = policy.EnforcesKubernetes

	require.Empty(t, cilium.Gaps())

	rows := make([]int, 0, len(hosted.Gaps()))
	for _, gap := range hosted.Gaps() {
		rows = append(rows, gap.Row)

		require.NotEmpty(t, gap.Why)
	}

	require.Equal(t, []int{2, 5, 11, 12, 14, 15, 16}, rows)
	require.Contains(t, hosted.Gaps()[3].Why, "a node that joined after the last `cozy-install up`")
}
