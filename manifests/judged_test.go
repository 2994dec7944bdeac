// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
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
