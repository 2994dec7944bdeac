// SPDX-License-Identifier: Apache-2.0

package world

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet"
)

// One world from a machine that does not come, over a whole installation, to a cluster that went away.
func TestANodeThatNeverComesIsNamedAndTheSiteIsFinishedLater(t *testing.T) {
	s := newStage(t, labSite)
	require.NoError(t, s.Fleet.Order("cp3", fleet.NeverUp()))
	require.NoError(t, s.Fleet.PowerOn())
	t.Run("a node that never comes", func(t *testing.T) { s.in(t).namesTheNodeThatNeverComes() })
	secrets := s.hash(workdir.SecretsFile)
	t.Run("going on when it came, with a lost answer of bootstrap", func(t *testing.T) { s.in(t).goesOnAndServesNoSecret() })
	t.Run("what the commands say of a finished site", func(t *testing.T) { s.in(t).describesTheFinishedSite() })
	t.Run("a support bundle of it", func(t *testing.T) { s.in(t).makesASupportBundleOfTheFinishedSite() })
	t.Run("up again changes nothing", func(t *testing.T) { s.in(t).changesNothingWhenRunAgain() })
	t.Run("a kubeconfig that leads nowhere", func(t *testing.T) { s.in(t).survivesALostKubeconfig() })
	t.Run("a cluster that went away", func(t *testing.T) { s.in(t).saysThatTheClusterIsGone() })
	require.Equal(t, secrets, s.hash(workdir.SecretsFile), "the secrets of a cluster are made once")
}

func (s *stage) namesTheNodeThatNeverComes() {
	said := s.fails("--node-timeout", "15s")
	require.Contains(s.t, said, "etcd is not bootstrapped before every control plane was asked for its members; missing: cp3:")
	require.NotContains(s.t, said, "cp1")
	require.NotContains(s.t, said, "cp2")
	require.Contains(s.t, said, "hint: power them on and run up again")
	require.Equal(s.t, 2, s.count("install"), "the others go on as far as that is safe")
	require.Zero(s.t, s.count("bootstrap"))
	journal, err := os.ReadFile(s.work + "/" + workdir.JournalFile)
	require.NoError(s.t, err)
	require.NotContains(s.t, string(journal), "bootstrapNode", "nothing is chosen in vain")
}

func (s *stage) goesOnAndServesNoSecret() {
	// The answer is lost after the call took effect: asked again, the node says that etcd's directory is not empty.
	require.NoError(s.t, s.Fleet.Order("cp1", fleet.LoseAnswer("Bootstrap")))
	u := s.start()
	s.await(u, "netboot", "have not appeared: cp3")
	s.servesNoSecret()
	require.NoError(s.t, s.Fleet.PowerOff("cp3"))
	require.NoError(s.t, s.Fleet.Clear("cp3"))
	require.NoError(s.t, s.Fleet.PowerOn("cp3"))
	s.await(u, "packages", "") // every machine has its config now, and boots from its disk
	s.servesNoSecret()
	code, said := u.wait(s.t)
	require.Zero(s.t, code, said)
	requireWhole(s.t, s.work)
	s.showsNoSecret(said + u.out.String())
	require.Greater(s.t, s.secretsIn(s.Fleet.InstalledConfig("cp1")), 10, "they are found where they belong")
	require.Positive(s.t, s.count("fault", "cp1"), "the answer was lost")
	require.Equal(s.t, 1, s.count("etcd-founded"))
	require.Equal(s.t, 3, s.count("install"))
}
