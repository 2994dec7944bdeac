// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// thing is an object of generation 3 with that status.
func thing(t *testing.T, status string) *unstructured.Unstructured {
	t.Helper()
	out := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte("apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x, generation: 3}\nstatus: " + status + "\n"))
	require.NoError(t, err)
	require.NoError(t, out.UnmarshalJSON(raw))
	return out
}

func TestAConditionSaysWhyItDoesNotHold(t *testing.T) {
	available := HealthCondition{APIVersion: "example.org/v1", Kind: "Thing", Condition: "Available"}
	phase := HealthCondition{APIVersion: "example.org/v1", Kind: "Thing", Field: "status.phase", Value: "Done", Message: "status.reason"}
	no := available
	no.Value = "False"
	ofAny := available
	ofAny.AnyGeneration = true
	for name, test := range map[string]struct {
		condition HealthCondition
		status    string
		want      string
	}{
		"true":             {available, "{conditions: [{type: Other}, {type: Available, status: 'True'}]}", ""},
		"of this one":      {available, "{observedGeneration: 3, conditions: [{type: Available, status: 'True', observedGeneration: 3}]}", ""},
		"no status":        {available, "{}", "it has no condition Available yet, which must be True"},
		"ill formed":       {available, "{conditions: [x, {type: Available, status: {a: b}}]}", "it has no condition Available yet, which must be True"},
		"false":            {available, "{conditions: [{type: Available, status: 'False', reason: Error, message: \"no\\n  route\"}]}", "condition Available is False, not True: Error: no route"},
		"unknown, no word": {available, "{conditions: [{type: Available, status: Unknown}]}", "condition Available is Unknown, not True"},
		"wanted false":     {no, "{conditions: [{type: Available, status: 'False'}]}", ""},
		"not wanted":       {no, "{conditions: [{type: Available, status: 'True', message: m}]}", "condition Available is True, not False: m"},
		"of an older one": {
			available, "{conditions: [{type: Available, status: 'True', observedGeneration: 2}]}",
			"condition Available is True, but of generation 2; its operator has not seen generation 3 yet",
		},
		"all of an older": {
			available, "{observedGeneration: 1, conditions: [{type: Available, status: 'True'}]}",
			"condition Available is True, but of generation 1; its operator has not seen generation 3 yet",
		},
		"of any":           {ofAny, "{observedGeneration: 1, conditions: [{type: Available, status: 'True', observedGeneration: 2}]}", ""},
		"field":            {phase, "{phase: Done}", ""},
		"no field":         {phase, "{phase: ''}", "it has no status.phase yet, which must be Done"},
		"other field":      {phase, "{phase: Doing, reason: slow}", "status.phase is Doing, not Done: slow"},
		"field of no text": {phase, "{phase: {}}", "it has no status.phase yet, which must be Done"},
		"old field":        {phase, "{observedGeneration: 2, phase: Done}", "status.phase is Done, but of generation 2; its operator has not seen generation 3 yet"},
	} {
		require.Equal(t, test.want, test.condition.unmet(thing(t, test.status)), name)
	}
	require.Equal(t, doesNotExist, available.unmet(nil))
	number := HealthCondition{Field: "status.ready", Value: "3"}
	require.Empty(t, number.unmet(thing(t, "{ready: 3}")))
	long := available.unmet(thing(t, "{conditions: [{type: Available, status: 'False', message: "+strings.Repeat("x", 5000)+"}]}"))
	require.Less(t, len(long), maxReason+10)
}

func TestLoadRefusesImpossibleHealth(t *testing.T) {
	const fine = "apiVersion: example.org/v1, kind: Thing, "
	for name, test := range map[string]struct{ health, want string }{
		"fine":              {"conditions: [{" + fine + "condition: Ready}]", ""},
		"a field":           {"conditions: [{" + fine + "name: x, namespace: elsewhere, field: status.phase, value: Done, message: status.why}]", ""},
		"of an addition":    {"conditions: [{apiVersion: example.org/v1, kind: Extra, condition: Ready}]", ""},
		"unknown key":       {"conditions: [{" + fine + "conditon: Ready}]", `unknown field "conditon"`},
		"both":              {"conditions: [{" + fine + "condition: Ready}], withoutStatus: it has none", `health.withoutStatus: "it has none": the package has health.conditions`},
		"no version":        {"conditions: [{apiVersion: example.org, kind: Thing, condition: Ready}]", `health.conditions[0].apiVersion: "example.org": not the group and version of custom resources`},
		"no kind":           {"conditions: [{apiVersion: example.org/v1, condition: Ready}]", `health.conditions[0].kind: missing`},
		"kind of a CRD":     {"conditions: [{apiVersion: example.org/v1, kind: Thin, condition: Ready}]", `health.conditions[0].kind: "Thin": the package neither needs nor provides its CRD thins.example.org (did you mean "things.example.org"?)`},
		"ill name":          {"conditions: [{" + fine + "name: X_, condition: Ready}]", `health.conditions[0].name: "X_": a lowercase RFC 1123 subdomain`},
		"ill namespace":     {"conditions: [{" + fine + "name: x, namespace: Else, condition: Ready}]", `health.conditions[0].namespace: "Else": a lowercase`},
		"lost namespace":    {"conditions: [{" + fine + "namespace: elsewhere, condition: Ready}]", `health.conditions[0].namespace: "elsewhere": without a name`},
		"nothing asked":     {"conditions: [{" + fine + "}]", `health.conditions[0]: has neither condition nor field`},
		"two things asked":  {"conditions: [{" + fine + "condition: Ready, field: status.phase, value: x}]", `health.conditions[0].field: "status.phase": stands beside condition "Ready"`},
		"no status":         {"conditions: [{" + fine + "condition: Ready, value: 'Yes'}]", `health.conditions[0].value: "Yes": not the status of a condition: True, False or Unknown`},
		"ill condition":     {"conditions: [{" + fine + "condition: 'not ready'}]", `health.conditions[0].condition: "not ready": not the type of a condition`},
		"two messages":      {"conditions: [{" + fine + "condition: Ready, message: status.why}]", `health.conditions[0].message: "status.why": a condition has its own`},
		"field of any":      {"conditions: [{" + fine + "field: status.phase}]", `health.conditions[0].value: missing`},
		"field of the spec": {"conditions: [{" + fine + "field: spec.phase, value: x}]", `health.conditions[0].field: "spec.phase": not the dotted path`},
		"field of nothing":  {"conditions: [{" + fine + "field: status..x, value: x}]", `health.conditions[0].field: "status..x": not the dotted path`},
		"message elsewhere": {"conditions: [{" + fine + "field: status.phase, value: x, message: metadata.name}]", `health.conditions[0].message: "metadata.name": not the dotted path`},
		"twice":             {"conditions: [{" + fine + "condition: Ready}, {" + fine + "condition: Ready, value: 'False'}]", `health.conditions[1]: says of the same what health.conditions[0] says`},
	} {
		_, err := Load(tree(set("z", "z", "a", "d?"), pkg("z", "provides: [{name: "+things+", from: chart}]"),
			pkg("a", "dependsOn: [z]", "needs: ["+things+"]", "with: {d: {needs: [extras.example.org]}}", "health: {"+test.health+"}"),
			pkg("d", "provides: [{name: extras.example.org, from: chart}]")))
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := Load(tree(set("c", "z", "c"), pkg("z", "provides: [{name: "+things+", from: chart}]", "health: {conditions: [{"+fine+"condition: Ready}]}"), pkg("c", "dependsOn: [z]")))
	require.Equal(t, []string{"sets/b.yaml: z: has health.conditions, and is in the core: nothing waits for them there"}, problems(t, err))
}

func TestAConditionCountsOnlyWhereItsKindIs(t *testing.T) {
	catalog := load(t, tree(set("z", "z", "a", "d?"), pkg("z", "provides: [{name: "+things+", from: chart}]"),
		pkg("a", "dependsOn: [z]", "needs: ["+things+"]", "with: {d: {needs: [extras.example.org]}}",
			"health: {conditions: [{apiVersion: example.org/v1, kind: Thing, condition: Ready}, {apiVersion: example.org/v1, kind: Extra, condition: Ready}]}"),
		pkg("d", "provides: [{name: extras.example.org, from: chart}]")))
	for want, choices := range map[int]Choices{1: {}, 2: {Enable: []string{"d"}}} {
		plan, err := Resolve(catalog, "b", choices)
		require.NoError(t, err)
		require.Len(t, plan.Packages[len(plan.Packages)-1].Health.Conditions, want)
	}
}
