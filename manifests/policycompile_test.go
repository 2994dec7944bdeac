// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"
	admissioncel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// expression is one of a policy: a variable has a name, a validation is a boolean, a message is text.
type expression struct {
	name, text string
	types      []*cel.Type
}

func (e expression) GetName() string { return e.name }

func (e expression) GetExpression() string { return e.text }

func (e expression) ReturnTypes() []*cel.Type { return e.types }

// TestPoliciesCompileAsTheServerCompilesThem: it knows the types of requests, namespaces and variables, and a policy with a mistake
// refuses everything.
func TestPoliciesCompileAsTheServerCompilesThem(t *testing.T) {
	seen := 0
	for _, chart := range []string{"tenant-admission", "tenant-applications"} {
		for _, object := range objects(t, render(t, rendering{name: chart, chart: chart, namespace: "cozy-system"})) {
			if object["kind"] != "ValidatingAdmissionPolicy" {
				continue
			}
			name := at(object, "metadata", "name").(string)
			compiler, err := admissioncel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
			require.NoError(t, err)
			options := admissioncel.OptionalVariableDeclarations{HasAuthorizer: true, HasParams: at(object, "spec", "paramKind") != nil}
			compile := func(text any, types ...*cel.Type) {
				result := compiler.CompileCELExpression(expression{text: text.(string), types: types}, options, environment.NewExpressions)
				require.Nil(t, result.Error, "%s: %s", name, text)
				seen++
			}
			conditions, _ := at(object, "spec", "matchConditions").([]any)
			for _, condition := range conditions {
				compile(at(condition.(map[string]any), "expression"), cel.BoolType)
			}
			variables, _ := at(object, "spec", "variables").([]any)
			for _, one := range variables {
				variable := one.(map[string]any)
				result := compiler.CompileAndStoreVariable(
					expression{name: variable["name"].(string), text: variable["expression"].(string), types: []*cel.Type{cel.AnyType, cel.DynType}},
					options, environment.NewExpressions)
				require.Nil(t, result.Error, "%s: %s", name, variable["name"])
			}
			for _, one := range at(object, "spec", "validations").([]any) {
				validation := one.(map[string]any)
				compile(validation["expression"], cel.BoolType)
				if message, isMade := validation["messageExpression"]; isMade {
					compile(message, cel.StringType)
				}
			}
		}
	}
	require.Greater(t, seen, 60)
}
