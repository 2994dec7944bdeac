// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// The phases of the product, whose ids are a public contract.
var phaseIDs = []string{
	"secrets", "configs", "netboot", "apply", "install", "etcd", "kubeconfig", "register", "core", "nodes", "packages", "tenant-root",
}

// TestKilledAtEveryPhaseBoundaryItGoesOn kills the program when a phase begins and when it ends, each time the next one
// that was not seen yet, and runs it again: one site survives all of it.
func TestKilledAtEveryPhaseBoundaryItGoesOn(t *testing.T) {
	s := newStageOn(t, Auto, labSite)
	require.NoError(t, s.Fleet.PowerOn())
	boundaries := map[string]bool{}
	for runs := 0; ; runs++ {
		require.Less(t, runs, 3*len(phaseIDs), "it makes no progress: killed at %v", slices.Sorted(maps.Keys(boundaries)))
		at := s.killAtNextBoundary(boundaries)
		if at == "" {
			break
		}
		t.Logf("killed at: %s", at)
	}
	for _, id := range phaseIDs {
		require.True(t, boundaries[id+" start"] || boundaries[id+" skipped"], "phase %s was never seen", id)
	}
	require.Greater(t, len(boundaries), len(phaseIDs), "fewer kills than phases")
	s.requireUp()
}

// killAtNextBoundary runs up until a boundary that is not among those seen, and kills it there. It gives the boundary, or
// nothing when the run came to its end.
func (s *stage) killAtNextBoundary(seen map[string]bool) string {
	s.t.Helper()
	run := s.start()
	for e := range run.events {
		if e.State == "waiting" || e.Phase == "" {
			continue
		}
		boundary := e.Phase + " " + e.State
		if seen[boundary] || e.State == "skipped" && seen[e.Phase+" done"] {
			continue
		}
		seen[boundary] = true
		run.kill()
		return boundary
	}
	code, said := run.wait(s.t)
	require.Zero(s.t, code, "up said:\n%s", said)
	return ""
}

// wholeRun is about how long an undisturbed run takes here. A moment after its end kills nothing, and that is one too.
const wholeRun = 40 * time.Second

// TestKilledAtRandomMomentsItGoesOn kills the first run of ten sites, each at a random moment.
func TestKilledAtRandomMomentsItGoesOn(t *testing.T) {
	const sites = 10
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for i := range sites {
		moment := time.Duration(random.Int64N(int64(wholeRun)))
		t.Run(fmt.Sprintf("%d after %s", i, moment.Round(time.Millisecond)), func(t *testing.T) {
			t.Parallel()
			s := newStageOn(t, Auto, labSite)
			require.NoError(t, s.Fleet.PowerOn())
			run := s.start()
			select {
			case <-time.After(moment):
			case <-run.done:
			}
			run.kill()
			s.mustUp()
			s.requireUp()
		})
	}
}

// requireUp checks that the site ended as an undisturbed one does: one etcd cluster, every node Ready, every package
// ready, tenant-root Ready, nothing half-written, and nothing left to do.
func (s *stage) requireUp() {
	t := s.t
	t.Helper()
	founded := 0
	for _, e := range s.Fleet.Events() {
		if e.Kind == "etcd-founded" {
			founded++
		}
	}
	require.Equal(t, 1, founded, "etcd clusters")

	require.Len(t, s.isWell().Nodes, 3)

	before := s.fingerprint()
	s.mustUp()
	require.Equal(t, before, s.fingerprint(), "running up again changes nothing")
	files, err := os.ReadDir(s.work)
	require.NoError(t, err)
	names := []string{}
	for _, f := range files {
		names = append(names, f.Name())
	}
	require.ElementsMatch(t, []string{
		"lock", workdir.AssetsDir, workdir.SecretsFile, workdir.TalosconfigFile, workdir.KubeconfigFile, workdir.JournalFile,
		workdir.NetbootFile, workdir.RootKubeconfigFile,
	}, names, "no litter in the work directory")
}

// fingerprint is what must not change any more: the secrets, and the specs of everything that was installed.
func (s *stage) fingerprint() map[string]string {
	t := s.t
	t.Helper()
	secrets, err := os.ReadFile(filepath.Join(s.work, workdir.SecretsFile))
	require.NoError(t, err)
	out := map[string]string{"secrets": fmt.Sprintf("%x", sha256.Sum256(secrets))}
	client, err := dynamic.NewForConfig(s.Plane.RESTConfig())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, gvr := range []schema.GroupVersionResource{
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
		{Group: "apps.cozystack.io", Version: "v1alpha1", Resource: "tenants"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
	} {
		list, err := client.Resource(gvr).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, list.Items, gvr.Resource)
		for _, item := range list.Items {
			out[gvr.Resource+" "+item.GetNamespace()+"/"+item.GetName()] = fmt.Sprintf("%s generation %d", item.GetUID(), item.GetGeneration())
		}
	}
	return out
}
