// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bundles"
)

// plan has a core of two, and a fork beyond it: net, engine; crds, then quick and slow, then top on both.
func plan() *bundles.Plan {
	return &bundles.Plan{Core: []string{"net", "engine"}, Packages: []bundles.Package{
		{Name: "net"},
		{Name: "engine"},
		{Name: "crds", Provides: []bundles.CRD{{Name: "late.example.org", From: bundles.FromRuntime}, {Name: "unused.example.org", From: bundles.FromRuntime}}},
		{Name: "quick", DependsOn: []string{"crds"}, Needs: []string{"late.example.org"}},
		{Name: "slow", DependsOn: []string{"crds"}},
		{Name: "top", DependsOn: []string{"quick", "slow"}},
	}}
}

// second counts from the begin.
func second(n float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(n * float64(time.Second)))
}

func spans() map[string]span {
	return map[string]span{
		"net": {second(0), second(2)}, "engine": {second(2), second(5)}, "crds": {second(5), second(7)},
		"quick": {second(8), second(9)}, "slow": {second(7), second(11)}, "top": {second(11), second(12)},
	}
}

func TestTheLongestChainIsThatOfOwnTimes(t *testing.T) {
	require.Equal(t, []string{"engine", "crds", "slow", "top"}, longest(plan(), spans(), true))
	require.Equal(t, []string{"crds", "slow", "top"}, longest(plan(), spans(), false))

	got := newReport(plan(), spans(), span{second(0), second(5)}, span{second(5), second(12)})
	require.Equal(t, 12*time.Second, got.whole)
	require.Equal(t, 10*time.Second, got.chainTime(), "the core did one after the other what does not depend on each other")
	require.Equal(t, 7*time.Second, got.restChain)
	require.Contains(t, got.String(), "| whole | 12.0 | 10.0 | 1.200 | 1.15 |")
	require.Contains(t, got.String(), "| without the core | 7.0 | 7.0 | 1.000 | |")
	require.Contains(t, got.String(), "| slow | 7.0 | 4.0 | yes |")
	require.EqualError(t, got.missed(), "the whole took 1.200 times its longest chain, the limit is 1.15")

	got.whole = 11500 * time.Millisecond
	require.NoError(t, got.missed())
}

func TestOwnTimeEndsWhenTheKindsAreThereThatOthersNeed(t *testing.T) {
	all := spans()
	untilKinds(plan(), all, map[string]time.Time{"late.example.org": second(8), "unused.example.org": second(20)})
	require.Equal(t, span{second(5), second(8)}, all["crds"])

	all = spans()
	untilKinds(plan(), all, map[string]time.Time{"late.example.org": second(6)})
	require.Equal(t, spans(), all, "they were there before it was ready")
}

func TestOwnTimeEndsWhenOperatorsAreDone(t *testing.T) {
	all := spans()
	untilHealthy(all, map[string]time.Time{"slow": second(12), "crds": second(6), "of no release": second(20)})
	require.Equal(t, span{second(7), second(12)}, all["slow"])
	require.Equal(t, spans()["crds"], all["crds"], "they were done before it was ready")
	require.Len(t, all, len(spans()))
}

func TestWhatFluxGetsAloneHasItsDefaults(t *testing.T) {
	got := plain(unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
		"metadata": map[string]any{"name": "a", "namespace": "b", "uid": "c", "labels": map[string]any{"d": "e"}},
		"spec": map[string]any{
			"interval": "1m", "maxHistory": int64(1), "install": map[string]any{}, "upgrade": map[string]any{}, "timeout": "3m",
			"dependsOn": []any{map[string]any{"name": "f"}},
		},
		"status": map[string]any{},
	}})
	require.Equal(t, map[string]any{
		"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
		"metadata": map[string]any{"name": "a", "namespace": "b", "labels": map[string]any{"d": "e"}},
		"spec":     map[string]any{"interval": "5m", "timeout": "3m", "dependsOn": []any{map[string]any{"name": "f"}}},
	}, got.Object)
}

func TestTheProductsFluxIsMeasured(t *testing.T) {
	got, err := resolve("paas-full")
	require.NoError(t, err)
	flags, err := helmControllerFlags(got)
	require.NoError(t, err)
	require.Contains(t, flags, "--requeue-dependency=5s")

	_, err = helmControllerFlags(plan())
	require.ErrorContains(t, err, "no package flux")
}
