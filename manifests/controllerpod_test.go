// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// TestTheControllerIsWithinRestrictedPodSecurity: on the nodes' network it breaks the rule on that, and no other (ADR 0036).
func TestTheControllerIsWithinRestrictedPodSecurity(t *testing.T) {
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	require.NoError(t, err)

	for name, broken := range map[string][]string{
		"cozy-controller-generic": nil,
		"cozy-controller-talos":   {"host namespaces"},
	} {
		found := 0
		for _, r := range platformRenderings() {
			if r.name != name {
				continue
			}
			raw, err := yaml.Marshal(named(t, render(t, r), "Deployment", "cozy-controller"))
			require.NoError(t, err)
			var controller appsv1.Deployment
			require.NoError(t, yaml.Unmarshal(raw, &controller))

			pod := controller.Spec.Template
			judged := podsecurity.AggregateCheckResults(evaluator.EvaluatePod(
				api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
			require.ElementsMatch(t, broken, judged.ForbiddenReasons, "%s: %s", name, judged.ForbiddenDetail())
			found++
		}
		require.Equal(t, 1, found, name)
	}
}
