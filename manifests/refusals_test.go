// SPDX-License-Identifier: Apache-2.0

package manifests

import "testing"

// applicationsRefusal is what a policy of chart tenant-applications says to a user who writes an object in tenant-alpha; empty:
// allowed, or none of its business. Nil before: the object is new.
func applicationsRefusal(t *testing.T, policyName, user string, object, before map[string]any) string {
	t.Helper()
	p := readPolicyOf(t, "tenant-applications", policyName)
	input := map[string]any{
		"object": object, "oldObject": nil,
		"request": map[string]any{"namespace": "tenant-alpha", "userInfo": map[string]any{"username": user}},
	}
	if before != nil {
		input["oldObject"] = before
	}
	for _, condition := range p.Spec.MatchConditions {
		if p.evaluate(t, condition.Expression, input) != true {
			return ""
		}
	}
	return p.judge(t, input)
}
