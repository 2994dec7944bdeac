// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// A site is brought up with an old Talos and taken to the newest one, and its Kubernetes after it, by what an operator types.
func TestASiteIsUpgraded(t *testing.T) {
	t.Parallel()
	s := runningSite(t, "v1.11.6")
	s.part("a jump over a minor version of Talos is refused", s.refusesATalosJump)
	s.edit("version: v1.13.9", "version: v1.12.6")
	s.part("so is an upgrade that would cost etcd its quorum", s.refusesToLoseTheQuorum)
	s.part("Talos is upgraded, killed in the middle", s.upgradesTalosThroughAKill)
	s.part("a jump over a minor version of Kubernetes is refused", s.refusesAKubernetesJump)
	s.edit("kubernetes: {version: v1.33.1}", "kubernetes: {version: v1.35.1}")
	s.part("Kubernetes is upgraded, killed in the middle", s.upgradesKubernetesThroughAKill)
	require.Equal(t, 1, s.count("etcd-founded"))
	s.keepsWhatWasPromised()
}

// A site loses, gets and exchanges machines, by what an operator types.
func TestNodesOfASiteAreRemovedAddedAndReplaced(t *testing.T) {
	t.Parallel()
	s := runningSite(t, "v1.13.9")
	s.part("a worker is removed when that is confirmed", s.removesAWorker)
	s.part("and added again, but for a disk with data only when it may be wiped", s.addsAWorker)
	s.part("a control plane that runs is not replaced", s.refusesToReplaceALivingNode)
	s.part("a dead one is, by a machine with an older Talos", s.replacesADeadControlPlane)
	s.part("a control plane is removed, and the last quorum is kept", s.removesAControlPlane)
	require.Equal(t, 1, s.count("etcd-founded"))
}

// runningSite is a site on which up has come to its end, and to which a network came after it.
func runningSite(t *testing.T, version string) *faultStage {
	t.Helper()
	s := newFaultStage(t, version)
	s.switchOn()
	s.mustUp("--until", lastFaultPhase)
	s.API.GiveNetwork()
	return s
}

// part is a part of a test on the same stage: what it changes stays.
func (s *faultStage) part(name string, do func()) {
	whole := s.t
	whole.Helper()
	require.True(whole, whole.Run(name, func(t *testing.T) {
		s.t = t
		do()
	}))
	s.t = whole
}

// types runs a command that is about the site, as an operator types it.
func (s *stage) types(line string) (code int, out, said string) {
	s.t.Helper()
	args := append(strings.Fields(line), s.ofSite()...)
	code, out, said = s.onBastion(args...)
	s.t.Logf("cozy-install %s: exit code %d\n%s%s", line, code, out, lastLines(said))
	return code, out, said
}

func lastLines(text string) string { return tail([]byte(text), 6) }

// refuses runs a command that fails, and gives what it said.
func (s *stage) refuses(line string) string {
	s.t.Helper()
	code, _, said := s.types(line)
	require.Equal(s.t, 1, code, said)
	return verdict(s.t, said)
}

// does runs a command that succeeds, and gives its answer.
func (s *stage) does(line string) string {
	s.t.Helper()
	code, out, said := s.types(line)
	require.Zero(s.t, code, said)
	return out
}

// killedAt runs a command and kills it after an event at a machine.
func (s *stage) killedAt(line, machine, kind string) {
	s.t.Helper()
	u := s.launch(append(strings.Fields(line), s.ofSite()...)...)
	happened := s.when(machine, kind, always, func() error { return nil })
	happened()
	u.kill()
}

func (s *faultStage) refusesATalosJump() {
	s.edit("version: v1.11.6", "version: v1.13.9")
	said := s.refuses("upgrade talos")
	require.Contains(s.t, said, "node cp1: upgrade Talos from v1.11.6 to v1.13.9")
	require.Contains(s.t, said, "node w2: upgrade Talos from v1.11.6")
	require.Zero(s.t, s.count("upgrade"))
}

func (s *faultStage) refusesToLoseTheQuorum() {
	require.NoError(s.t, s.Fleet.PowerOff("cp3"))
	said := s.refuses("upgrade talos")
	require.Contains(s.t, said, "cp3")
	require.Zero(s.t, s.count("upgrade"))
	require.NoError(s.t, s.Fleet.PowerOn("cp3"))
	s.mustBeWell()
}

// mustBeWell waits until every check of every node passes.
func (s *stage) mustBeWell() {
	s.t.Helper()
	var bad []string
	require.Eventually(s.t, func() bool {
		_, out, _ := s.onBastion(append([]string{"status", "-o", "json"}, s.ofSite()...)...)
		var status struct {
			Nodes []struct {
				Name   string
				Checks []struct{ Check, State, Reason string }
			}
		}
		require.NoError(s.t, json.Unmarshal([]byte(out), &status))
		require.Len(s.t, status.Nodes, len(machinesOfFaults()))
		bad = nil
		for _, node := range status.Nodes {
			for _, c := range node.Checks {
				if c.State == "failed" || c.State == "unknown" {
					bad = append(bad, node.Name+" "+c.Check+": "+c.Reason)
				}
			}
		}
		return len(bad) == 0
	}, time.Minute, 200*time.Millisecond, "%v", &bad)
}

func (s *faultStage) upgradesTalosThroughAKill() {
	s.does("upgrade talos --dry-run")
	require.Zero(s.t, s.count("upgrade"))
	s.killedAt("upgrade talos", "cp2", "upgrade")
	require.Equal(s.t, []string{"cp1", "cp2"}, s.machinesOf("upgrade"))
	s.does("upgrade talos")
	require.Equal(s.t, []string{"cp1", "cp2", "cp3", "w1", "w2"}, s.machinesOf("upgrade"), "control planes first, each once")
	s.mustBeWell()
	s.does("upgrade talos")
	require.Len(s.t, s.machinesOf("upgrade"), 5, "nothing is left to do")
}

// machinesOf are the machines at which something happened, in that order.
func (s *stage) machinesOf(kind string) (out []string) {
	for _, e := range s.Fleet.Events() {
		if e.Kind == kind {
			out = append(out, e.Machine)
		}
	}
	return out
}

func (s *faultStage) refusesAKubernetesJump() {
	s.edit("domain: faults.example.org", "domain: faults.example.org\nkubernetes: {version: v1.33.1}")
	said := s.refuses("upgrade kubernetes")
	require.Contains(s.t, said, "node cp1, kube-apiserver: upgrade Kubernetes from v1.34.4 to v1.33.1: that would be a downgrade")
	require.Zero(s.t, s.count("static-pod"))
}

func (s *faultStage) upgradesKubernetesThroughAKill() {
	s.killedAt("upgrade kubernetes", "cp2", "static-pod")
	s.does("upgrade kubernetes")
	require.Equal(s.t, 9, s.count("static-pod"), "three parts on three control planes, each once")
	require.NotEmpty(s.t, s.API.Applied(), "what Talos furnishes a cluster with")
	s.mustBeWell()
}

// agreed is the risk of a node's removal: its disk. Packages ask nothing, for none is installed.
const agreed = " --accept-risk data-loss"

func (s *faultStage) removesAWorker() {
	refused := s.refuses("node remove w2")
	require.Contains(s.t, refused, "risks are not accepted: data-loss: the system disk of w2 is wiped")
	code, _, said := s.types("node remove w2" + agreed)
	require.Equal(s.t, 1, code)
	require.Contains(s.t, said, "Type w2 to go on: \ncozy-install: not confirmed: nothing was done")
	require.Zero(s.t, s.count("wiped"))
	s.does("node remove w2" + agreed + " --yes")
	require.Equal(s.t, 1, s.count("wiped", "w2"))
	code, out, _ := s.types("status")
	require.Equal(s.t, 1, code, "the site file still has it")
	require.Regexp(s.t, `(?m)^registered +failed +w2 |w2 .*not registered`, out)
}

func (s *faultStage) addsAWorker() {
	require.NoError(s.t, s.Fleet.PowerOff("w2"))
	require.NoError(s.t, s.Fleet.Write("w2", "/dev/vda", fleet.Contents{Format: "ext4", Label: "photos"}))
	require.NoError(s.t, s.Fleet.PowerOn("w2"))
	before := s.Fleet.Contents("w2")
	line := "node add w2 --node-timeout 1m " + strings.Join(s.NetbootArgs(), " ")
	said := s.refuses(line)
	require.Contains(s.t, said, "FAULT-DISK-5")
	require.Contains(s.t, said, "holds data: ")
	require.Contains(s.t, said, "nodes[].disk.wipe: true")
	require.Equal(s.t, before, s.Fleet.Contents("w2"))
	s.edit("serial: FAULT-DISK-5", "serial: FAULT-DISK-5, wipe: true")
	s.does(line)
	require.Equal(s.t, before["/dev/vdb"], s.Fleet.Contents("w2")["/dev/vdb"], "the other disk was not asked for")
	s.mustBeWell()
}

func (s *faultStage) refusesToReplaceALivingNode() {
	said := s.refuses("node replace cp3" + agreed + " --accept-risk storage-replicas --yes " + strings.Join(s.NetbootArgs(), " "))
	require.Contains(s.t, said, "the machine of node cp3 runs")
}

func (s *faultStage) replacesADeadControlPlane() {
	require.NoError(s.t, s.Fleet.PowerOff("cp3"))
	require.NoError(s.t, s.Fleet.Order("spare", fleet.Starts("v1.12.6")))
	require.NoError(s.t, s.Fleet.PowerOn("spare"))
	s.edit(`mac: "52:54:00:78:00:03"`, `mac: "52:54:00:78:00:09"`)
	s.edit("serial: FAULT-DISK-3", "serial: SPARE-DISK")
	s.does("node replace cp3" + agreed + " --accept-risk storage-replicas --yes " + strings.Join(s.NetbootArgs(), " "))
	require.Equal(s.t, 1, s.count("member-removed"))
	require.Equal(s.t, 1, s.count("install", "spare"))
	s.mustBeWell()
}

func (s *faultStage) removesAControlPlane() {
	s.does("node remove cp1" + agreed + " --yes")
	require.Equal(s.t, 1, s.count("wiped", "cp1"))
	require.NoError(s.t, s.Fleet.PowerOff("spare"))
	said := s.refuses("node remove cp3" + agreed + " --yes")
	require.Contains(s.t, said, "etcd has no quorum without cp3: 1 of its 2 members run")
}
