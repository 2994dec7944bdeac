// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
)

func TestAnOperatorIsLateAndSaysThatItIsSimulated(t *testing.T) {
	one := &operated{conditions: []bundles.HealthCondition{
		{Condition: "Available"},
		{Condition: "Progressing", Value: "False"},
		{Field: "status.deep.phase", Value: "Done", Message: "status.why"},
	}}
	one.object.SetGeneration(2)
	late, done := statusOf(one, false, "slow"), statusOf(one, true, "slow")
	condition := func(kind, status string, more ...string) any {
		out := map[string]any{"type": kind, "status": status, "reason": simulated}
		for _, message := range more {
			out["message"] = message
		}
		return out
	}
	require.Equal(t, map[string]any{
		"observedGeneration": int64(2), "deep": map[string]any{"phase": "simulated"}, "why": "slow",
		"conditions": []any{condition("Available", "False", "slow"), condition("Progressing", "True", "slow")},
	}, late)
	require.Equal(t, map[string]any{
		"observedGeneration": int64(2), "deep": map[string]any{"phase": "Done"},
		"conditions": []any{condition("Available", "True"), condition("Progressing", "False")},
	}, done)
}

func TestAConditionsKindIsFound(t *testing.T) {
	got := resourceOf(bundles.HealthCondition{APIVersion: "example.org/v1beta1", Kind: "Policy"})
	require.Equal(t, "example.org/v1beta1, Resource=policies", got.String())
}
