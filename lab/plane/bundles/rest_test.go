// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bundles"
)

var errEnough = errors.New("the test has seen enough")

// broken makes Kubernetes refuse the Service of second.
func broken() map[string]map[string]any {
	return map[string]map[string]any{"second": {"port": 70000, "extra": map[string]any{"more": "x"}}}
}

// mended takes the port away, and the only key of a map: the map must stay a map, with the chart's defaults in it.
func mended() map[string]map[string]any {
	return map[string]map[string]any{"second": {"extra": map[string]any{}}}
}

// The trial's second and far fail, each for a reason of its own: what does not need them is installed all the same.
func (w *world) failureStopsOnlyDependents(t *testing.T) {
	plan := w.plan(t, trial, broken())
	told, heard := w.follow(t), &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx, enough := context.WithCancelCause(ctx)
	err := w.flux(t).Install(ctx, plan, func(s bundles.PackageStatus) {
		heard.hear(s)
		if heard.last("top").State == bundles.StateReady && heard.last("second").State == bundles.StateFailed &&
			heard.last("far").State == bundles.StateFailed {
			enough(errEnough)
		}
	})
	require.ErrorIs(t, err, errEnough)
	var unfinished *bundles.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	culprits := map[string]string{}
	for _, one := range unfinished.Culprits {
		require.Equal(t, bundles.StateFailed, one.State, one.Name)
		culprits[one.Name] = one.Message
	}
	require.Equal(t, []string{"far", "second"}, slices.Sorted(maps.Keys(culprits)))
	require.Contains(t, culprits["second"], "Invalid value: 70000")
	require.Contains(t, culprits["far"], `namespaces "`+elsewhere+`" not found`)
	require.Equal(t, []string{"third"}, unfinished.Waiting)
	require.Equal(t, bundles.PackageStatus{Name: "third", State: bundles.StateWaiting, Message: "for second"}, heard.last("third"))

	told.requireOrder(t, "first ADDED", "first ready", "second ADDED")
	told.requireOrder(t, "side ADDED", "side ready", "top ADDED", "top ready")
	require.Negative(t, told.when("third ADDED"))
	require.Equal(t, bundles.StateAbsent, w.restStates(t, plan)["third"])
}

// One failure is mended in the plan, the other one in the cluster.
func (w *world) mendedPlanConverges(t *testing.T) {
	kept := w.untouchables(t, "first", "side", "top")
	data := w.configMap(t, trialNamespace, "second")
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}, metav1.CreateOptions{})
	require.NoError(t, err)

	plan, told := w.plan(t, trial, mended()), w.follow(t)
	heard := w.installRest(t, plan)
	for _, name := range []string{"first", "second", "third", "side", "top", "far"} {
		require.Equal(t, bundles.StateReady, heard.last(name).State, name)
		w.staysReady(t, plan, name)
		require.NotContains(t, slices.Collect(maps.Values(w.history(t, trialNamespace, name))), "uninstalled", name)
	}
	told.requireOrder(t, "second ready", "third ADDED", "third ready")
	for _, event := range told.all() {
		require.False(t, strings.HasSuffix(event, "DELETED"), event)
	}
	require.Equal(t, data.UID, w.configMap(t, trialNamespace, "second").UID, "what the failed attempt made is taken over")
	require.Equal(t, map[string]string{"word": "none", "given": "by the chart"}, w.configMap(t, trialNamespace, "second").Data)
	require.Equal(t, kept, w.untouchables(t, "first", "side", "top"), "what was ready is not touched")
}

func (w *world) trialAgain(t *testing.T) { w.restAgain(t, w.plan(t, trial, mended())) }

func (w *world) platformAgain(t *testing.T) { w.restAgain(t, w.plan(t, platform, nil)) }

func (w *world) restAgain(t *testing.T, plan *bundles.Plan) {
	t.Helper()
	w.quietly(t, func() {
		heard := w.installRest(t, plan)
		for _, p := range plan.Packages[len(plan.Core):] {
			require.Equal(t, bundles.StateReady, heard.last(p.Name).State, p.Name)
		}
	})
}

// A program with new charts, and other values: an upgrade of everything. It is cancelled when the chain's first package is
// ready, and goes on. Only the values show how far it was, since Flux may take new charts up by itself.
func (w *world) cancelledRestGoesOn(t *testing.T) {
	w.stock(t, secondEdition)
	values := map[string]map[string]any{"first": {"word": "new"}, "second": {"word": "new"}, "third": {"word": "new"}}
	plan := w.plan(t, trial, values)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx, enough := context.WithCancelCause(ctx)
	err := w.flux(t).Install(ctx, plan, func(s bundles.PackageStatus) {
		if s.Name == "first" && s.State == bundles.StateReady {
			enough(errEnough)
		}
	})
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, "new", w.configMap(t, trialNamespace, "first").Data["word"])
	require.Equal(t, secondEdition, w.configMap(t, trialNamespace, "first-edition").Data["edition"])
	require.Equal(t, "none", w.configMap(t, trialNamespace, "third").Data["word"])
	kept := w.release(t, "first").GetGeneration()

	w.installRest(t, plan)
	for _, name := range []string{"first", "second", "third", "side", "top", "far"} {
		require.Equal(t, secondEdition, w.configMap(t, trialNamespace, name+"-edition").Data["edition"], name)
	}
	require.Equal(t, "new", w.configMap(t, trialNamespace, "third").Data["word"])
	require.Equal(t, kept, w.release(t, "first").GetGeneration())
}

func (w *world) restOfThePlatform(t *testing.T) {
	plan := w.plan(t, platform, nil)
	for name, state := range w.restStates(t, plan) {
		require.Equal(t, bundles.StateAbsent, state, name)
	}
	heard := w.installRest(t, plan)
	w.staysReady(t, plan)
	for _, p := range plan.Packages[len(plan.Core):] {
		require.Equal(t, bundles.StateReady, heard.last(p.Name).State, p.Name)
		require.Equal(t, map[int]string{1: "deployed"}, w.history(t, p.Namespace, p.Release), p.Name)
	}
}

func (w *world) release(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := w.dynamic.Resource(helmReleases).Namespace(trialNamespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return object
}

// untouchables are the versions of what HelmReleases made and of what is asked of them.
func (w *world) untouchables(t *testing.T, names ...string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, name := range names {
		release := w.release(t, name)
		out["release "+name] = []any{release.GetUID(), release.GetGeneration(), release.GetAnnotations()}
		out["history "+name] = w.history(t, trialNamespace, name)
		out["data "+name] = w.configMap(t, trialNamespace, name).ResourceVersion
	}
	return out
}

func (w *world) configMap(t *testing.T, namespace, name string) *corev1.ConfigMap {
	t.Helper()
	found, err := w.kube.CoreV1().ConfigMaps(namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return found
}
