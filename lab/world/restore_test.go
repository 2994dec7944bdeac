// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// must runs a command of the product on the bastion to its end, and gives its answer.
func (s *stage) must(args ...string) string {
	s.t.Helper()
	code, out, said := s.onBastion(append(args, "-f", s.siteFile, "--work-dir", s.work)...)
	require.Zero(s.t, code, "%v said: %s%s", args, out, said)
	return out
}

// TestALostEtcdIsRestoredAndAResetSiteComesUpAgain loses etcd on all control planes, takes it back, resets the whole site
// and brings it up once more: two etcd clusters are founded, one after the other, and one is restored.
func TestALostEtcdIsRestoredAndAResetSiteComesUpAgain(t *testing.T) {
	s := newStageOn(t, Auto, labSite)
	require.NoError(t, s.Fleet.PowerOn())
	s.mustUp("--until", "etcd")
	var taken struct{ Path string }
	require.NoError(t, json.Unmarshal([]byte(s.must("etcd", "snapshot", "--json")), &taken))

	code, _, said := s.onBastion("etcd", "restore", taken.Path, "-f", s.siteFile, "--work-dir", s.work, "--accept-risk", "data-loss", "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, said, "may still be a quorum")
	agreed := []string{"--accept-risk", "data-loss", "--accept-risk", "last-control-plane", "--yes", "--node-timeout", "2m"}
	s.must(append([]string{"reset", "--keep-config"}, agreed...)...)
	s.must("etcd", "restore", taken.Path, "--accept-risk", "data-loss", "--yes", "--node-timeout", "2m")
	require.Equal(t, 1, s.count("etcd-restored"))
	require.Equal(t, 1, s.count("etcd-founded"))
	s.mustUp("--until", "etcd")
	require.Equal(t, 1, s.count("etcd-founded"))

	s.must(append([]string{"reset"}, agreed...)...)
	s.mustUp("--until", "etcd")
	require.Equal(t, 2, s.count("etcd-founded"), "a new life")
	require.Equal(t, 1, s.count("etcd-restored"))
}
