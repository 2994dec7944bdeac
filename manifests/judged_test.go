// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// TestControllerMayLookAtWhatItJudges: else an application would never be ready, and nobody could tell why.
func TestControllerMayLookAtWhatItJudges(t *testing.T) {
	var rules []rbacv1.PolicyRule
	for _, object := range objects(t, render(t, applicationRenderings()[0])) {
		raw, err := yaml.Marshal(object)
		require.NoError(t, err)
		var role rbacv1.ClusterRole
		require.NoError(t, yaml.Unmarshal(raw, &role))
		if role.Labels["rbac.cozystack.io/aggregate-to-cozy-controller"] == "true" {
			rules = append(rules, role.Rules...)
		}
	}
	for _, one := range definitions(t) {
		if one.Spec.Service == "" {
			require.NotEmpty(t, one.Spec.Release.HealthCheckExprs, one.Name)
		}
		for _, judged := range one.Spec.Release.HealthCheckExprs {
			resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(judged.APIVersion, judged.Kind))
			for _, verb := range []string{"list", "watch"} {
				require.True(t, slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
					return slices.Contains(rule.APIGroups, resource.Group) && slices.Contains(rule.Resources, resource.Resource) && slices.Contains(rule.Verbs, verb)
				}), "%s: %s %s", one.Name, verb, resource)
			}
		}
	}
}

// TestAnIngressWithoutAnAddressIsNotReady: nobody would reach it.
func TestAnIngressWithoutAnAddressIsNotReady(t *testing.T) {
	all := definitions(t)
	ingress := all[slices.IndexFunc(all, func(one *definition.ApplicationDefinition) bool { return one.Name == "ingress" })]
	ready := ingress.Spec.Release.HealthCheckExprs[1]
	require.Equal(t, "Service", ready.Kind)

	env, err := cel.NewEnv(cel.Variable("spec", cel.DynType), cel.Variable("status", cel.DynType))
	require.NoError(t, err)
	ast, issues := env.Compile(ready.Current)
	require.NoError(t, issues.Err())
	program, err := env.Program(ast)
	require.NoError(t, err)

	address := map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": "192.0.2.7"}}}}
	none := map[string]any{"loadBalancer": map[string]any{}}
	for _, c := range []struct {
		name         string
		spec, status map[string]any
		isReady      bool
	}{
		{"a load balancer with an address", map[string]any{"type": "LoadBalancer"}, address, true},
		{"a load balancer without one", map[string]any{"type": "LoadBalancer"}, none, false},
		{"ports of nodes", map[string]any{"type": "NodePort"}, none, true},
		{"addresses of others", map[string]any{"type": "ClusterIP", "externalIPs": []any{"192.0.2.7"}}, none, true},
		{"an address inside the cluster", map[string]any{"type": "ClusterIP"}, none, false},
	} {
		judged, _, err := program.Eval(map[string]any{"spec": c.spec, "status": c.status})
		require.NoError(t, err, c.name)
		require.Equal(t, c.isReady, judged.Value(), c.name)
	}
}
