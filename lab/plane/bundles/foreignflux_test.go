// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bundles"
)

const (
	theirNamespace = "flux-system"
	hosted         = "distro-hosted"
)

// TestFluxOfSomebodyElseIsWhatRuns: the parts build on each other and share one plane. The stand-in for Flux's chart has Flux's own
// CRDs, since nobody can replace those of the plane by others; nothing runs of it.
func TestFluxOfSomebodyElseIsWhatRuns(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	w.standIn(t, w.plan(t, hosted, nil), map[string]map[string]string{"flux": w.fluxCRDs(t)})
	ok := t.Run("one that runs is used", w.runningFluxIsUsed) &&
		t.Run("one that does not run is named", w.idleFluxIsNamed) &&
		t.Run("CRDs that it left are none", w.leftCRDsAreNoFlux) &&
		t.Run("one of ours is upgraded", w.ownFluxIsUpgraded)
	require.True(t, ok, "the parts after the failed one were not run")
}

// fluxCRDs are files of a chart.
func (w *world) fluxCRDs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.plane.Tools().FluxCRDs, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var object metav1.PartialObjectMetadata
		require.NoError(t, yaml.Unmarshal(content, &object))
		out["crds/"+object.Name+".yaml"] = string(content)
	}
	return out
}

func (w *world) runningFluxIsUsed(t *testing.T) {
	w.installCore(t, w.plan(t, hosted, nil))
	w.fluxIsRespected(t)
	require.Equal(t, bundles.StatePresent, w.coreStates(t, w.plan(t, hosted, nil))["flux"])
}

func (w *world) idleFluxIsNamed(t *testing.T) {
	_, err := w.kube.AppsV1().Deployments(theirNamespace).UpdateScale(t.Context(), "helm-controller", &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "helm-controller", Namespace: theirNamespace},
	}, metav1.UpdateOptions{})
	require.NoError(t, err)
	core, err := w.shelf.core(w.config)
	require.NoError(t, err)
	const why = "Deployment flux-system/helm-controller: it is scaled to no pods"
	statuses, err := core.Status(t.Context(), w.plan(t, hosted, nil))
	require.NoError(t, err)
	require.Equal(t, "flux", statuses[0].Name)
	require.Equal(t, why, statuses[0].Object.String())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // it would wait longer
	defer cancel()
	err = core.Install(ctx, w.plan(t, hosted, nil), nil)
	require.ErrorContains(t, err, "install package flux: ")
	require.ErrorContains(t, err, why)
	w.fluxIsRespected(t)
}

func (w *world) leftCRDsAreNoFlux(t *testing.T) {
	for _, name := range []string{"helm-controller", "source-controller"} {
		require.NoError(t, w.kube.AppsV1().Deployments(theirNamespace).Delete(t.Context(), name, metav1.DeleteOptions{}))
	}
	_, err := w.dynamic.Resource(definitions()).Get(t.Context(), "helmreleases.helm.toolkit.fluxcd.io", metav1.GetOptions{})
	require.NoError(t, err, "this is about CRDs that stay")
	plan := w.plan(t, hosted, nil)
	require.Equal(t, bundles.StateAbsent, w.coreStates(t, plan)["flux"])
	require.Equal(t, bundles.StateReady, w.installCore(t, plan).last("flux").State)
	require.Equal(t, map[int]string{1: "deployed"}, w.history(t, "cozy-fluxcd", "flux"))
}

func (w *world) ownFluxIsUpgraded(t *testing.T) {
	plan := w.plan(t, hosted, map[string]map[string]any{"flux": {"helmController": map[string]any{"priorityClassName": "other"}}})
	require.Equal(t, bundles.StateReady, w.installCore(t, plan).last("flux").State)
	require.Equal(t, map[int]string{1: "superseded", 2: "deployed"}, w.history(t, "cozy-fluxcd", "flux"))
}
