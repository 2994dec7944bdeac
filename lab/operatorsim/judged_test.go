// SPDX-License-Identifier: Apache-2.0

package operatorsim

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// services are the definitions of cluster services, as the platform has them where Kamaji and CloudNativePG are.
func services(t *testing.T) []*definition.ApplicationDefinition {
	t.Helper()
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	const chart = "tenant-applications"
	version, err := own.Version(chart)
	require.NoError(t, err)
	archive, err := own.Archive(chart)
	require.NoError(t, err)
	objects, err := bundles.Render(t.Context(), bundles.Package{
		Name: chart, Release: chart, Namespace: "cozy-system", Chart: bundles.Chart{Embedded: chart, Version: version},
		Values: map[string]any{"kamaji": true, "postgres": true},
	}, archive, "v1.34.4")
	require.NoError(t, err)
	var out []*definition.ApplicationDefinition
	for _, object := range objects {
		one := &definition.ApplicationDefinition{}
		if object.GetKind() != definition.ApplicationDefinitionKind {
			continue
		}
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, one))
		if one.Spec.Service != "" {
			out = append(out, one)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// TestServicesAreJudgedByWhatOperatorsSay holds the platform's own expressions against each status: what is not ready, what has
// failed, and what was said of an older spec, is not taken for ready.
func TestServicesAreJudgedByWhatOperatorsSay(t *testing.T) {
	played := map[string]Kind{}
	for _, kind := range Kinds() {
		played[kind.Name] = kind
	}
	const generation = 3
	for _, service := range services(t) {
		for _, one := range service.Spec.Release.HealthCheckExprs {
			kind, is := played[one.Kind]
			if !is || kind.Ready == nil { // what says it of itself on a plane
				require.Contains(t, []string{"Deployment", "StatefulSet", "Service", "Job"}, one.Kind, "nobody plays the operator of it")
				continue
			}
			group, version := kind.Resource.GroupVersion().Group, kind.Resource.GroupVersion().Version
			require.Equal(t, one.APIVersion, group+"/"+version, one.Kind)
			evaluator, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
				Current: one.Current, InProgress: one.InProgress, Failed: one.Failed,
			})
			require.NoError(t, err)
			judge := func(status map[string]any) string {
				object := &unstructured.Unstructured{Object: map[string]any{
					"kind": one.Kind, "metadata": map[string]any{"name": "x", "generation": int64(generation)},
					"spec": map[string]any{"instances": int64(3)}, "status": status,
				}}
				result, err := evaluator.Evaluate(t.Context(), object)
				if err != nil {
					return err.Error()
				}
				return result.Status.String()
			}
			current := status.CurrentStatus.String()
			require.Equal(t, current, judge(kind.Ready(generation)), one.Kind)
			require.NotEqual(t, current, judge(kind.Unready("x")), one.Kind)
			if kind.Failed != nil {
				require.Equal(t, status.FailedStatus.String(), judge(kind.Failed(generation, "x")), one.Kind)
			}
			if kind.tells() {
				require.NotEqual(t, current, judge(kind.Ready(generation-1)), "%s: what was ready before it changed", one.Kind)
			}
		}
	}
}
