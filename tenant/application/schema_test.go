// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant/application"
)

func TestSchemaSaysWhatTheChartSays(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"a description stays", `{"type":"string","title":"T","description":"D"}`, `{"type":"string","title":"T","description":"D"}`},
		{"a default is told, not stored", `{"type":"integer","description":"Copies.","default":2}`, `{"type":"integer","description":"Copies. Default: 2."}`},
		{"a default without description", `{"type":"string","default":"<a>"}`, `{"type":"string","description":"Default: \"<a>\"."}`},
		{"an empty default is not worth telling", `{"type":"object","properties":{"a":{"type":"string"}},"default":{}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`},
		{"bounds", `{"type":"integer","minimum":1,"maximum":9,"multipleOf":2}`, `{"type":"integer","minimum":1,"maximum":9,"multipleOf":2}`},
		{"exclusive bounds", `{"type":"number","minimum":0,"exclusiveMinimum":0,"exclusiveMaximum":1.5}`, `{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":1.5,"exclusiveMaximum":true}`},
		{"a bound inside an exclusive one", `{"type":"number","minimum":1,"exclusiveMinimum":0}`, `{"type":"number","minimum":1}`},
		{"text", `{"type":"string","minLength":1,"maxLength":5.0,"pattern":"^a"}`, `{"type":"string","minLength":1,"maxLength":5,"pattern":"^a"}`},
		{"a format both know", `{"type":"string","format":"ipv4"}`, `{"type":"string","format":"ipv4"}`},
		{"a format that means two things", `{"type":"string","format":"duration"}`, `{"type":"string"}`},
		{"a format of another type", `{"type":"integer","format":"ipv4"}`, `{"type":"integer"}`},
		{"choices", `{"type":"string","enum":["a","b"]}`, `{"type":"string","enum":["a","b"]}`},
		{"choices without a type", `{"enum":["a","b"]}`, `{"type":"string","enum":["a","b"]}`},
		{"null as a choice, which the API server can't", `{"enum":["a.b","c",null]}`, `{"type":"string","nullable":true,"pattern":"^(a\\.b|c)$"}`},
		{"null that is no choice", `{"type":["string","null"],"enum":["a"]}`, `{"type":"string","enum":["a"]}`},
		{"null beside a choice", `{"oneOf":[{"enum":["a"]},{"type":"null"}]}`, `{"type":"string","nullable":true,"pattern":"^(a)$"}`},
		{"one choice", `{"const":3}`, `{"type":"integer","enum":[3]}`},
		{"null", `{"type":["string","null"]}`, `{"type":"string","nullable":true}`},
		{"null by a choice", `{"description":"D","oneOf":[{"type":"null"},{"type":"string","description":"inner"}]}`, `{"type":"string","nullable":true,"description":"D"}`},
		{"a number or text", `{"type":["integer","string"],"pattern":"^[0-9]+Gi$"}`, `{"x-kubernetes-int-or-string":true,"pattern":"^[0-9]+Gi$"}`},
		{"a number or text, as generators write it", `{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true}`, `{"x-kubernetes-int-or-string":true}`},
		{"a number, text or null", `{"type":["string","integer","null"]}`, `{"x-kubernetes-int-or-string":true,"nullable":true}`},
		{"whole or not", `{"type":["integer","number"]}`, `{"type":"number"}`},
		{"anything", `true`, `{"nullable":true,"x-kubernetes-preserve-unknown-fields":true}`},
		{"anything, with words", `{"description":"D"}`, `{"description":"D","nullable":true,"x-kubernetes-preserve-unknown-fields":true}`},
		{"a reference", `{"$ref":"#/definitions/size","description":"mine"}`, `{"type":"string","description":"mine Default: \"1Gi\"."}`},
		{"a wrapped reference", `{"allOf":[{"$ref":"#/definitions/size"}]}`, `{"type":"string","description":"Size. Default: \"1Gi\"."}`},
		{"a list", `{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":3,"uniqueItems":false}`, `{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":3}`},
		{"a list of anything", `{"type":"array"}`, `{"type":"array","items":{"nullable":true,"x-kubernetes-preserve-unknown-fields":true}}`},
		{"a closed object", `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`},
		{"an object without keys", `{"type":"object"}`, `{"type":"object","x-kubernetes-preserve-unknown-fields":true}`},
		{"an empty object", `{"type":"object","additionalProperties":false}`, `{"type":"object"}`},
		{"an open object", `{"type":"object","additionalProperties":true,"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"}},"x-kubernetes-preserve-unknown-fields":true}`},
		{"a map", `{"additionalProperties":{"type":"string"},"minProperties":1,"maxProperties":4}`, `{"type":"object","additionalProperties":{"type":"string"},"maxProperties":4}`},
		{"a key that may not be there", `{"properties":{"a":{"type":"string"},"b":false}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`},
		{
			"required, but for what the chart has", `{"properties":{"a":{"type":"string"},"b":{"type":"string","default":"x"}},"required":["b","a","a"]}`,
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","description":"Default: \"x\"."}},"required":["a"]}`,
		},
		{
			"required in a list, where defaults don't reach", `{"type":"array","items":{"properties":{"b":{"type":"string","default":"x"}},"required":["b"],"minProperties":1}}`,
			`{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","description":"Default: \"x\"."}},"required":["b"],"minProperties":1}}`,
		},
		{
			"a rule for the API server", `{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"stays"}],"x-ui":1}`,
			`{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"stays"}]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			props := schemaOf(t, fmt.Sprintf(`{"type":"object","properties":{"v":%s},"definitions":{"size":{"type":"string","description":"Size.","default":"1Gi"}}}`, c.value))
			got, err := json.Marshal(props.Properties["v"])
			require.NoError(t, err)

			require.JSONEq(t, c.want, string(got))
		})
	}
}

func TestSchemaLeavesOutWhatIsNoneOfTheUsers(t *testing.T) {
	props := schemaOf(t, `{
		"properties": {"_tenant": {"type": "object"}, "global": {"type": "object"}, "a": {"type": "object", "properties": {"_b": {"type": "string"}, "global": {"type": "string"}}}},
		"required": ["_tenant", "global"]
	}`)

	require.Len(t, props.Properties, 1)
	require.Empty(t, props.Required)
	require.Len(t, props.Properties["a"].Properties, 2, "below the top the names are free")
}

func TestEveryLossIsToldAtOnceWithItsPath(t *testing.T) {
	_, err := application.Schema(readFile(t, "testdata/losses.schema.json"))

	var losses application.Losses
	require.ErrorAs(t, err, &losses)
	require.NotEmpty(t, losses.Hint())

	var got strings.Builder
	for _, loss := range losses {
		fmt.Fprintln(&got, loss)
	}

	golden(t, "testdata/losses.txt", []byte(got.String()))
}

func TestHostileSchemasEnd(t *testing.T) {
	doubling := `{"definitions":{"d0":{"type":"string"}`
	for i := range 40 {
		doubling += fmt.Sprintf(`,"d%d":{"properties":{"a":{"$ref":"#/definitions/d%d"},"b":{"$ref":"#/definitions/d%d"}}}`, i+1, i, i)
	}

	wide := `{"definitions":{"d0":{"type":"string","description":"` + strings.Repeat("x", 50_000) + `"}},"properties":{`
	for i := range 100 {
		wide += fmt.Sprintf(`"k%d":{"$ref":"#/definitions/d0"},`, i)
	}

	for _, c := range []struct{ name, source, want string }{
		{"no JSON", `{"type":`, "is no JSON"},
		{"two documents", `{} {}`, "something follows"},
		{"too large", `{"description":"` + strings.Repeat("x", 256<<10) + `"}`, "at most 256 KiB"},
		{"too deep", strings.Repeat(`{"properties":{"a":`, 40) + `{"type":"string"}` + strings.Repeat(`}}`, 40), "deeper than 32"},
		{"as deep as JSON goes", strings.Repeat(`{"properties":{"a":`, 9000) + `{}` + strings.Repeat(`}}`, 9000), ""},
		{"doubling", doubling + `},"$ref":"#/definitions/d30"}`, "more than 512 KiB"},
		{"one large text many times", wide + `"last":true}}`, "more than 512 KiB"},
		{"a cycle", `{"properties":{"a":{"$ref":"#"}}}`, "#/properties/a/$ref: # leads back to itself"},
		{
			"a cycle of two", `{"properties":{"a":{"$ref":"#/definitions/a"}},"definitions":{"a":{"items":{"$ref":"#/definitions/b"}},"b":{"items":{"$ref":"#/definitions/a"}}}}`,
			"#/definitions/b/items/$ref: #/definitions/a leads back to itself",
		},
		{"a chain that bites its tail", `{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"allOf":[{"$ref":"#/definitions/a"}]}}}`, "leads back to itself"},
		{"nothing but an object", `{"type":"string"}`, "values are an object"},
		{"true", `true`, "values are an object"},
		{"a list", `[]`, "a schema is an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := application.Schema([]byte(c.source))
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 40_000, "it becomes the message of a condition")
		})
	}
}

func TestAChartWithoutSettings(t *testing.T) {
	props := schemaOf(t, `{"type":"object","properties":{}}`)

	require.Empty(t, newServer(t, props).refuses(read(`{}`)))
	require.NotEmpty(t, newServer(t, props).refuses(read(`{"a":1}`)))
}
