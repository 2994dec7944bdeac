// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cozystack/cozy-install/tenant/application"
)

func TestBreakingChanges(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", `{"a":{"type":"string"}}`, `{"a":{"type":"string","description":"other words"}}`, nil},
		{"a new field", `{}`, `{"a":{"type":"string"}}`, nil},
		{"a field gone", `{"a":{"type":"string"}}`, `{}`, []string{"spec.a: is gone"}},
		{"another type", `{"a":{"type":"string"}}`, `{"a":{"type":"integer"}}`, []string{"spec.a: was string and is integer now"}},
		{"a wider type", `{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"string"}}`, `{"a":{"type":"number"},"b":{"type":["integer","string"]},"c":true}`, nil},
		{
			"a narrower type", `{"a":{"type":"number"},"b":{"type":["integer","string"]},"c":true}`, `{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"string"}}`,
			[]string{"spec.a: was number and is integer now", "spec.b: was integer or string and is integer now", "spec.c: was anything and is string now"},
		},
		{"null", `{"a":{"type":["string","null"]},"b":{"type":"string"}}`, `{"a":{"type":"string"},"b":{"type":["string","null"]}}`, []string{"spec.a: may no longer be null"}},
		{
			"choices", `{"a":{"type":"string"},"b":{"enum":["x","y"]},"c":{"enum":["x"]}}`, `{"a":{"enum":["x"]},"b":{"enum":["y","z"]},"c":{"type":"string"}}`,
			[]string{"spec.a: must be one of a few values now", `spec.b: may no longer be "x"`},
		},
		{"a pattern", `{"a":{"type":"string"},"b":{"type":"string","pattern":"a"}}`, `{"a":{"type":"string","pattern":"a"},"b":{"type":"string"}}`, []string{`spec.a: must match "a" now`}},
		{"a format", `{"a":{"type":"string"}}`, `{"a":{"type":"string","format":"ipv4"}}`, []string{`spec.a: must have the format "ipv4" now`}},
		{"wider bounds", `{"a":{"type":"integer","minimum":1,"exclusiveMaximum":9}}`, `{"a":{"type":"integer","minimum":0,"maximum":9}}`, nil},
		{
			"narrower bounds", `{"a":{"type":"integer","minimum":1,"maximum":9}}`, `{"a":{"type":"integer","exclusiveMinimum":1,"maximum":8,"multipleOf":2}}`,
			[]string{"spec.a: must be a multiple of 2 now", "spec.a: the greatest value is 8 now", "spec.a: the least value is 1 now"},
		},
		{
			"lengths", `{"a":{"type":"string","maxLength":3},"b":{"type":"array"}}`, `{"a":{"type":"string","maxLength":2,"minLength":1},"b":{"type":"array","maxItems":1}}`,
			[]string{"spec.a: the greatest length is 2 now", "spec.a: the least length is 1 now", "spec.b: the greatest number of items is 1 now"},
		},
		{
			"in items and maps", `{"a":{"type":"array","items":{"type":"string"}},"b":{"additionalProperties":{"type":"string"}}}`,
			`{"a":{"type":"array","items":{"type":"boolean"}},"b":{"additionalProperties":{"type":"boolean"}}}`,
			[]string{"spec.a[]: was string and is boolean now", "spec.b.*: was string and is boolean now"},
		},
		{
			"a map that gets names", `{"a":{"additionalProperties":{"type":"string"}}}`, `{"a":{"properties":{"x":{"type":"integer"}}}}`,
			[]string{"spec.a.*: may no longer be there", "spec.a.x: was string and is integer now"},
		},
		{
			"names that become a map", `{"a":{"properties":{"x":{"type":"integer"},"y":{"type":"string"}}}}`, `{"a":{"additionalProperties":{"type":"string"}}}`,
			[]string{"spec.a.x: was integer and is string now"},
		},
		{
			"an object that was open", `{"a":{"type":"object"}}`, `{"a":{"properties":{"x":{"type":"integer"}}}}`,
			[]string{"spec.a.*: could hold anything", "spec.a.x: could hold anything and is integer now"},
		},
		{"an object that is open now", `{"a":{"properties":{"x":{"type":"integer"}}}}`, `{"a":{"type":"object"}}`, nil},
		{"a rule", `{"a":{"type":"string"}}`, `{"a":{"type":"string","x-kubernetes-validations":[{"rule":"self != ''"}]}}`, []string{"spec.a: must fulfil a new rule: self != ''"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes := application.Breaking(
				schemaOf(t, `{"type":"object","properties":`+c.before+`}`), schemaOf(t, `{"type":"object","properties":`+c.after+`}`))

			var got []string
			for _, change := range changes {
				got = append(got, change.String())
			}

			require.Equal(t, c.want, got)
		})
	}
}

func TestANewRequiredFieldBreaks(t *testing.T) {
	before := schemaOf(t, `{"type":"object","properties":{"a":{"type":"string"}}}`)
	after := schemaOf(t, `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`)

	require.Equal(t, []application.Change{{Path: "spec", Reason: "is required now"}, {Path: "spec.a", Reason: "is required now"}},
		application.Breaking(before, after))
	require.Empty(t, application.Breaking(after, before))
}

// Where nothing breaks, every object that was valid still is, and loses nothing.
func TestWhatDoesNotBreakStaysValid(t *testing.T) {
	kept, broken := 0, 0

	rapid.Check(t, func(t *rapid.T) {
		source := drawValues(t)

		before, err := application.Schema(marshal(t, source))
		require.NoError(t, err)

		changed := clone(source).(map[string]any)
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			change(t, changed)
		}

		after, err := application.Schema(marshal(t, changed))
		if err != nil {
			t.Skip("the change made a schema that can't be published")
		}

		require.Empty(t, application.Breaking(before, before))

		if len(application.Breaking(before, after)) > 0 {
			broken++

			return
		}

		was, is := newServer(t, before), newServer(t, after)

		for range 5 {
			sample := clone(drawSample(t, source, source["definitions"].(map[string]any), 0))
			if len(was.refuses(sample)) == 0 {
				kept++

				require.Empty(t, is.refuses(sample), "%s\n%s\n%s", marshal(t, sample), marshal(t, before), marshal(t, after))
			}
		}
	})

	require.Positive(t, kept)
	require.Positive(t, broken)
}

// change alters one thing somewhere in a schema.
func change(t *rapid.T, node map[string]any) {
	for _, key := range []string{"properties", "definitions"} {
		children, _ := node[key].(map[string]any)
		if keys := slices.Sorted(maps.Keys(children)); len(keys) > 0 && rapid.IntRange(0, 3).Draw(t, "deeper") > 0 {
			if child, isNode := children[rapid.SampledFrom(keys).Draw(t, "key")].(map[string]any); isNode {
				change(t, child)

				return
			}
		}
	}

	for _, key := range []string{"items", "additionalProperties"} {
		if child, isNode := node[key].(map[string]any); isNode && rapid.Bool().Draw(t, "into "+key) {
			change(t, child)

			return
		}
	}

	keys := slices.Sorted(maps.Keys(node))
	if len(keys) == 0 {
		node["type"] = "string"

		return
	}

	key := rapid.SampledFrom(keys).Draw(t, "keyword")

	switch value := node[key].(type) {
	case int64:
		node[key] = value + int64(rapid.IntRange(-1, 1).Draw(t, "more"))
	case map[string]any:
		added := fmt.Sprint("p", len(value))
		if key == "properties" {
			value[added] = drawNode(t, 1, 0)
		}
	default:
		if key != "type" {
			delete(node, key)
		} else if kind, isOne := value.(string); isOne {
			node[key] = []any{kind, "null"}
		}
	}
}
