// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/cel/environment"
)

// applicationsRefusal is what a policy of chart tenant-applications says to a user who writes an object in tenant-alpha; empty:
// allowed, or none of its business. Nil before: the object is new.
func applicationsRefusal(t *testing.T, policyName, user string, object, before map[string]any) string {
	t.Helper()
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).NewExpressionsEnv() // as the API server has it
	env, err := base.Extend(
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType),
		cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)))
	require.NoError(t, err)
	variables := map[string]any{}
	input := map[string]any{
		"object": object, "oldObject": nil, "variables": variables,
		"request": map[string]any{"namespace": "tenant-alpha", "userInfo": map[string]any{"username": user}},
	}
	if before != nil {
		input["oldObject"] = before
	}
	value := func(expression any) any {
		ast, issues := env.Compile(expression.(string))
		require.NoError(t, issues.Err())
		program, err := env.Program(ast)
		require.NoError(t, err)
		out, _, err := program.Eval(input)
		require.NoError(t, err, expression)
		return out.Value()
	}

	manifest := render(t, rendering{"", "tenant-applications", "cozy-system", nil})
	policy := named(t, manifest, "ValidatingAdmissionPolicy", policyName)["spec"].(map[string]any)
	for _, condition := range policy["matchConditions"].([]any) {
		if value(at(condition.(map[string]any), "expression")) != true {
			return ""
		}
	}
	for _, variable := range policy["variables"].([]any) {
		variable := variable.(map[string]any)
		variables[variable["name"].(string)] = value(variable["expression"])
	}
	for _, validation := range policy["validations"].([]any) {
		validation := validation.(map[string]any)
		if value(validation["expression"]) == true {
			continue
		}
		message, isFixed := validation["message"].(string)
		if !isFixed {
			message = value(validation["messageExpression"]).(string)
		}
		require.Regexp(t, refusalForm, message, policyName)
		return message
	}
	return ""
}
