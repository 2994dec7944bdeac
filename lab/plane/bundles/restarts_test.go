// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/plane"
)

// resyncPatience outlasts what kube-apiserver may take to recover by itself. A CRD whose names were accepted, but that was not
// established when the process was killed, is looked at again only when its informer resyncs, every 5 minutes.
const resyncPatience = 5*time.Minute + patience

// What the installer depends on is killed and comes back in the middle of an installation, which notices nothing but that it
// takes longer: nobody has to run it again.
func TestInstallationOutlivesRestartsOfWhatItDependsOn(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	plan := w.fullPlan(t, "distro-hosted")
	w.standIn(t, plan, nil)
	guard := w.watchOver(t)
	w.coreOutlivesRestart(t, plan)

	heard, ended := &reports{}, make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*resyncPatience)
	defer cancel()
	flux := w.flux(t)
	go func() { ended <- flux.Install(ctx, plan, heard.hear) }()
	for i, process := range []string{plane.HelmControllerProcess, plane.ControlPlaneProcess, plane.SourceControllerProcess, plane.HelmControllerProcess} {
		w.awaitReady(t, heard, ended, 3+5*i)
		if process == plane.HelmControllerProcess {
			w.awaitAttempt(t)
		}
		require.NoError(t, w.plane.Restart(t.Context(), process))
	}
	require.NoError(t, <-ended)
	w.requireConverged(t, plan, func(p bundles.Package) int {
		if plan.IsCore(p.Name) {
			return 2
		}
		return 4 // each of three restarts may have interrupted an attempt
	})
	guard.requireNothingGone(t)
}

// coreOutlivesRestart kills the control plane while the Helm SDK waits for a release of the core.
func (w *world) coreOutlivesRestart(t *testing.T, plan *bundles.Plan) {
	t.Helper()
	core, err := w.shelf.core(w.config)
	require.NoError(t, err)
	w.cordon(t, true)
	ended := make(chan error, 1)
	go func() { ended <- core.Install(t.Context(), plan, nil) }()
	w.awaitRevision(t, "cozy-system", "cozy-controller", 1, "pending-install")
	w.awaitDeployment(t, "cozy-system", "cozy-controller")
	require.NoError(t, w.plane.Restart(t.Context(), plane.ControlPlaneProcess))
	w.cordon(t, false)
	require.NoError(t, <-ended)
	history := w.history(t, "cozy-system", "cozy-controller")
	require.Equal(t, "deployed", history[len(history)], "of revisions %v", history)
	require.LessOrEqual(t, len(history), 2, "a revision may have lost its connection, and only one")
}

// awaitReady waits until so many packages are ready.
func (w *world) awaitReady(t *testing.T, heard *reports, ended <-chan error, count int) {
	t.Helper()
	deadline := time.After(resyncPatience)
	for heard.ready() < count {
		select {
		case err := <-ended:
			t.Fatalf("the installation ended when %d packages were ready: %v", heard.ready(), err)
		case <-deadline:
			t.Fatalf("only %d packages are ready, want %d", heard.ready(), count)
		case <-time.After(tick):
		}
	}
}

// awaitAttempt waits until Flux is in the middle of installing something.
func (w *world) awaitAttempt(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		list, err := w.kube.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm,status=pending-install"})
		require.NoError(t, err)
		return len(list.Items) > 0
	}, patience, tick, "Flux installs nothing")
}

// ready is how many packages were said to be.
func (r *reports) ready() int {
	r.lock.Lock()
	defer r.lock.Unlock()
	names := map[string]bool{}
	for _, one := range r.all {
		if one.State == bundles.StateReady {
			names[one.Name] = true
		}
	}
	return len(names)
}

// releaseOf is the HelmRelease of a package.
func (w *world) releaseOf(t *testing.T, p bundles.Package) *helmv2.HelmRelease {
	t.Helper()
	object, err := w.dynamic.Resource(helmReleases).Namespace(p.Namespace).Get(t.Context(), p.Name, metav1.GetOptions{})
	require.NoError(t, err)
	release := &helmv2.HelmRelease{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, release))
	return release
}
