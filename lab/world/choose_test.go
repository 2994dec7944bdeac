// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet"
)

// The control plane that etcd is to be bootstrapped on dies when it is chosen and not called yet. It comes back before a
// person has chosen another one.
func TestAnotherBootstrapNodeIsChosenWhenTheDeadOneIsBack(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t, "v1.13.9")
	s.stopsWithADeadFounder()
	code, _, said := s.choose("cp2")
	require.Equal(t, 1, code)
	require.Contains(t, said, "choose cp2 for etcd's bootstrap: cp1 is unreachable")
	require.Equal(t, "cp1", s.journal().BootstrapNode, "nothing was changed")

	require.NoError(t, s.Fleet.PowerOn("cp1"))
	s.awaitsChoice("cp2")
	s.mustUp("--until", lastFaultPhase)
	require.Zero(t, s.count("bootstrap", "cp1"))
	require.Equal(t, 1, s.count("etcd-founded", "cp2"))
	s.hasConverged()
	code, _, said = s.choose("cp1")
	require.Equal(t, 1, code)
	require.Contains(t, said, "etcd has run before, it was bootstrapped on cp2")
}

// It never comes back: another machine takes its place, and then it comes back after all.
func TestAnotherBootstrapNodeIsChosenWhenTheDeadOneIsGoneForGood(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t, "v1.12.6")
	s.stopsWithADeadFounder()
	s.edit(`{name: cp1, role: controlplane, mac: "52:54:00:78:00:01"`, `{name: cp4, role: controlplane, mac: "52:54:00:78:00:09"`)
	s.edit(s.site.Nodes[0].Address.String()+", disk: {serial: FAULT-DISK-1}", s.site.Nodes[4].Address.Next().String()+", disk: {serial: SPARE-DISK}")
	code, _, said := s.choose("cp2")
	require.Equal(t, 1, code)
	require.Contains(t, said, "cp4 is unreachable", "every control plane is asked")

	require.NoError(t, s.Fleet.PowerOn("spare"))
	said = s.fails("--until", lastFaultPhase)
	require.Contains(t, said, "etcd is bootstrapped on cp1, which is no control plane of the site file")
	require.Contains(t, said, "hint: put cp1 back into the site file; if it is lost and no etcd was ever started, choose another control plane: "+s.chooses())
	require.Zero(t, s.count("bootstrap"))
	s.awaitsChoice("cp2")
	s.mustUp("--until", lastFaultPhase)
	require.Equal(t, 1, s.count("etcd-founded", "cp2"))

	joined := s.when("cp1", "etcd", always, func() error { return nil })
	require.NoError(t, s.Fleet.PowerOn("cp1"))
	joined() // it has the cluster's keys, so it joins the etcd that it finds
	said = s.fails("--until", lastFaultPhase, "--node-timeout", "15s")
	require.Contains(t, said, "etcd has a member that is no control plane of the site file: cp1")
	require.Contains(t, said, "removed with cozy-install node remove")
	require.Equal(t, 1, s.count("etcd-founded"))
	require.Zero(t, s.count("bootstrap", "cp1", "cp3", "spare"))
}

// stopsWithADeadFounder runs up until it says that the node it has chosen is dead. One control plane takes its time to tell
// what it knows of etcd, so that the power fails between the choice and the call.
func (s *faultStage) stopsWithADeadFounder() {
	s.t.Helper()
	for range 30 {
		require.NoError(s.t, s.Fleet.Order("cp3", fleet.AnswerLate("ServiceList", 30*time.Second)))
	}
	s.switchOn()
	u := s.start("--until", lastFaultPhase, "--node-timeout", "25s")
	for s.journal().BootstrapNode == "" {
		select {
		case <-u.done:
			require.Fail(s.t, "up ended before it chose", u.text.String())
		case <-time.After(time.Millisecond):
		}
	}
	require.NoError(s.t, s.Fleet.PowerOff("cp1"))
	code, said := u.wait(s.t)
	require.Equal(s.t, 1, code, said)
	said = verdict(s.t, said)
	require.Contains(s.t, said, "etcd is to be bootstrapped on cp1, which does not answer")
	require.Contains(s.t, said, "hint: bring cp1 back, or put another machine in its place, and run up again; "+
		"or take it out of the site file and choose another control plane: "+s.chooses())
	require.Zero(s.t, s.count("bootstrap"), "nobody was called")
	require.NoError(s.t, s.Fleet.Clear("cp3"))
}

// chooses is the command that a hint of up names, for the same site.
func (s *faultStage) chooses() string {
	return "cozy-install etcd choose -f " + s.siteFile + " --work-dir " + s.work + " <node>"
}

// choose runs `cozy-install etcd choose`.
func (s *faultStage) choose(node string) (code int, out, said string) {
	s.t.Helper()
	return s.onBastion("etcd", "choose", node, "-f", s.siteFile, "--work-dir", s.work)
}

// awaitsChoice chooses a node as soon as all control planes answer.
func (s *faultStage) awaitsChoice(node string) {
	s.t.Helper()
	said := ""
	require.Eventually(s.t, func() bool {
		code, out, problem := s.choose(node)
		said = out + problem
		return code == 0
	}, 2*time.Minute, 100*time.Millisecond, "it says: %s", &said)
	require.Contains(s.t, said, "etcd will be bootstrapped on "+node+": run cozy-install up")
	require.Equal(s.t, node, s.journal().BootstrapNode)
}

// journal is what the work directory remembers; before there is one, nothing.
func (s *stage) journal() workdir.Journal {
	s.t.Helper()
	var out workdir.Journal
	if data, err := os.ReadFile(filepath.Join(s.work, workdir.JournalFile)); err == nil {
		require.NoError(s.t, json.Unmarshal(data, &out))
	}
	return out
}
