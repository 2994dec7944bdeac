// SPDX-License-Identifier: Apache-2.0

package world

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet"
)

func TestThereIsOneEtcdClusterWhateverHappens(t *testing.T) {
	s := newStage(t, labSite)
	require.NoError(t, s.Fleet.Order("cp1", fleet.TimeNotSynced()))
	require.NoError(t, s.Fleet.PowerOn())
	t.Run("no time server", func(t *testing.T) { s.in(t).namesTheNodeWithoutTime() })
	t.Run("reset in the middle of bootstrap", func(t *testing.T) { s.in(t).survivesAResetInBootstrap() })
	t.Run("power cuts after bootstrap", func(t *testing.T) { s.in(t).survivesPowerCutsAfterBootstrap() })
	require.Equal(t, 1, s.count("etcd-founded"))
}

func (s *stage) namesTheNodeWithoutTime() {
	s.mustUp("--until", "install")
	said := s.fails("--node-timeout", "5s")
	require.Contains(s.t, said, "waiting for etcd to start on cp1")
	require.Contains(s.t, said, "bootstrap etcd on 10.77.0.11:50000: time is not in sync yet")
	require.Contains(s.t, said, "hint: if it stays so, look at the node's clock: the NTP servers of the site must be reachable from it")
	require.Zero(s.t, s.count("bootstrap"), "no other control plane is tried instead")
}

func (s *stage) survivesAResetInBootstrap() {
	require.NoError(s.t, s.Fleet.Clear("cp1"))
	reset := s.when("cp1", "bootstrap", always, func() error { return s.Fleet.Reboot("cp1") })
	s.mustUp("--until", "kubeconfig")
	reset()
	require.Equal(s.t, 1, s.count("etcd-founded"))
}

// survivesPowerCutsAfterBootstrap cuts the power of the machine that founded etcd and runs up while it is away: nobody
// else may be made to found a second cluster.
func (s *stage) survivesPowerCutsAfterBootstrap() {
	journal := s.hash(workdir.JournalFile)
	calls := s.count("bootstrap")
	require.NoError(s.t, s.Fleet.PowerOff("cp1"))
	u := s.start("--until", "register")
	s.await(u, "netboot", "have not appeared: cp1")
	time.Sleep(time.Second)
	require.NoError(s.t, s.Fleet.PowerOn("cp1"))
	code, said := u.wait(s.t)
	require.Zero(s.t, code, said)
	require.Equal(s.t, calls, s.count("bootstrap"))
	require.Equal(s.t, journal, s.hash(workdir.JournalFile))
}
