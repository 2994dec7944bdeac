// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bundles"
)

// The parts build on each other and share one plane, on whose nodes no pod can run until the last part.
func TestWhatIsNeverReadyIsNamedWithItsLastWarning(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	w.cordon(t, true)

	ok := t.Run("core is interrupted and leaves nothing pending", w.interruptedCore) &&
		t.Run("core names its object", w.coreNamesItsObject) &&
		t.Run("rest names its objects and ends by itself", w.restNamesItsObjects) &&
		t.Run("interrupted rest begins nothing", w.interruptedRest)
	require.True(t, ok, "the parts after the failed one were not run")
}

// impatient is the trial with little time for each attempt.
func (w *world) impatient(t *testing.T) *bundles.Plan {
	t.Helper()
	plan := w.plan(t, trial, nil)
	for i := range plan.Packages {
		plan.Packages[i].Health.Timeout = metav1.Duration{Duration: 12 * time.Second}
	}
	return plan
}

func (w *world) interruptedCore(t *testing.T) {
	p := w.startInstaller(t, trial, nil)
	w.awaitRevision(t, trialNamespace, "base", 1, "pending-install")
	w.awaitDeployment(t, trialNamespace, "base")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	asked := time.Now()
	require.Error(t, p.wait(t))
	require.Less(t, time.Since(asked), 20*time.Second, "it ends soon, not at the release's timeout")
	require.Contains(t, p.output.String(), "install package base: helm release "+trialNamespace+"/base: context canceled")
	require.Equal(t, map[int]string{1: "failed"}, w.history(t, trialNamespace, "base"))
}

func (w *world) coreNamesItsObject(t *testing.T) {
	before := w.deploymentUID(t, trialNamespace, "base")
	core, err := w.shelf.core(w.config)
	require.NoError(t, err)
	heard := &reports{}
	err = core.Install(t.Context(), w.impatient(t), heard.hear)
	require.ErrorContains(t, err, "install package base: ")
	require.ErrorContains(t, err, "Deployment "+trialNamespace+"/base: 0 out of 1 expected pods are ready; Pod base-")
	last := heard.last("base")
	require.Equal(t, bundles.StateFailed, last.State)
	w.requireNamed(t, last)
	told := false
	for _, one := range heard.all {
		told = told || one.State == bundles.StateInstalling && one.Object.Name == "base"
	}
	require.True(t, told, "it is told already while Helm waits: %v", heard.all)
	w.cordon(t, false)
	w.installCore(t, w.plan(t, trial, nil))
	require.Equal(t, before, w.deploymentUID(t, trialNamespace, "base"), "nothing was uninstalled")
	w.cordon(t, true)
}

func (w *world) restNamesItsObjects(t *testing.T) {
	plan, heard := w.impatient(t), &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	err := w.flux(t).Install(ctx, plan, heard.hear)
	var unfinished *bundles.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.NoError(t, unfinished.Cause, "nobody ended it")
	culprits := map[string]bundles.PackageStatus{}
	for _, one := range unfinished.Culprits {
		require.Equal(t, bundles.StateFailed, one.State, one.Name)
		culprits[one.Name] = one
	}
	require.Len(t, culprits, 3, "%v", err)
	w.requireNamed(t, culprits["first"])
	require.Equal(t, "Deployment", culprits["side"].Object.Kind)
	require.Equal(t, "ConfigMap "+elsewhere+"/far: it does not exist", culprits["far"].Object.String())
	require.ElementsMatch(t, []string{"second", "third", "top"}, unfinished.Waiting)

	statuses, err := w.flux(t).Status(t.Context(), plan)
	require.NoError(t, err)
	for _, one := range statuses {
		if one.Name == "first" {
			w.requireNamed(t, one)
		}
	}
}

func (w *world) interruptedRest(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w.cordon(t, false)
	err := w.flux(t).Install(ctx, w.impatient(t), func(s bundles.PackageStatus) {
		if s.Name == "first" && s.State == bundles.StateReady {
			interrupt()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	var unfinished *bundles.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.Contains(t, unfinished.Interrupted(), "third")
	_, err = w.dynamic.Resource(helmReleases).Namespace(trialNamespace).Get(t.Context(), "third", metav1.GetOptions{})
	require.Error(t, err, "nothing was begun that has to wait")
}

func (w *world) requireNamed(t *testing.T, status bundles.PackageStatus) {
	t.Helper()
	require.Equal(t, bundles.FailingObject{
		Kind: "Deployment", Namespace: trialNamespace, Name: status.Name, Why: "0 out of 1 expected pods are ready",
	}, status.Object)
	require.Equal(t, "Pod", status.Warning.Kind)
	require.Equal(t, "FailedScheduling", status.Warning.Reason)
	require.Contains(t, status.Warning.Message, "0/3 nodes are available")
}
