// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"sigs.k8s.io/yaml"
)

// policy is the part of a ValidatingAdmissionPolicy that decides.
type policy struct {
	Metadata struct{ Name string }
	Spec     struct {
		Variables       []struct{ Name, Expression string }
		MatchConditions []struct{ Expression string }
		Validations     []struct{ Expression, Message, MessageExpression string }
	}

	programs map[string]cel.Program // by expression
}

// judge evaluates the policies named so, as the kube-apiserver does: variables first, in order, then every validation.
// It returns the message of the first that refuses; empty means allowed.
func judge(t *testing.T, name string, input map[string]any) string {
	t.Helper()
	return readPolicy(t, name).judge(t, input)
}

func readPolicy(t *testing.T, name string) policy {
	t.Helper()
	return readPolicyOf(t, "tenant-admission", name)
}

func readPolicyOf(t *testing.T, chart, name string) policy {
	t.Helper()
	for _, object := range objects(t, render(t, rendering{name: name, chart: chart, namespace: "cozy-system"})) {
		if object["kind"] != "ValidatingAdmissionPolicy" {
			continue
		}
		raw, err := yaml.Marshal(object)
		require.NoError(t, err)
		var p policy
		require.NoError(t, yaml.Unmarshal(raw, &p))
		p.programs = map[string]cel.Program{}
		if p.Metadata.Name == name {
			return p
		}
	}
	t.Fatalf("no policy %s", name)
	return policy{}
}

func (p policy) judge(t *testing.T, input map[string]any) string {
	t.Helper()
	variables := map[string]any{}
	input["variables"] = variables
	for _, v := range p.Spec.Variables {
		require.NotContains(t, reservedInCEL(), v.Name, "%s: the API server takes no such name of a variable", p.Metadata.Name)
		variables[v.Name] = p.evaluate(t, v.Expression, input)
	}
	for _, v := range p.Spec.Validations {
		if p.evaluate(t, v.Expression, input) == true {
			continue
		}
		message := v.Message
		if message == "" {
			message = p.evaluate(t, v.MessageExpression, input).(string)
		}
		require.Regexp(t, refusalForm, message, p.Metadata.Name)
		return message
	}
	return ""
}

// reservedInCEL are the words that are no identifiers: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax.
func reservedInCEL() []string {
	return []string{
		"false", "in", "null", "true", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
		"package", "namespace", "return", "var", "void", "while",
	}
}

// refusalForm is what each refusal at the door says: the field, its value, the rule, and what to do.
const refusalForm = `^(metadata|spec|roleRef|subjects|secretReference)[^":[]*(\[[^]]+\])?: "[^"]*": [^;]+; .+$`

func (p policy) evaluate(t *testing.T, expression string, input map[string]any) any {
	t.Helper()
	program, isKnown := p.programs[expression]
	if !isKnown {
		base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).NewExpressionsEnv() // as the API server has it
		env, err := base.Extend(cel.Variable("params", cel.DynType),
			cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType),
			cel.Variable("namespaceObject", cel.DynType), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)),
			cel.Variable("authorizer", library.AuthorizerType))
		require.NoError(t, err)
		ast, issues := env.Compile(expression)
		require.NoError(t, issues.Err(), expression)
		program, err = env.Program(ast)
		require.NoError(t, err, expression)
		p.programs[expression] = program
	}
	value, _, err := program.Eval(input)
	require.NoError(t, err, expression)
	return value.Value()
}
