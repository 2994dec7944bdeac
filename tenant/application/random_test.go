// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"fmt"

	"pgregory.net/rapid"
)

// drawValues draws a schema of values with some definitions.
func drawValues(t *rapid.T) map[string]any {
	definitions := map[string]any{}
	for i := range rapid.IntRange(0, 2).Draw(t, "definitions") {
		definitions[fmt.Sprint("d", i)] = drawNode(t, 2, i)
	}

	values := drawObject(t, 3, len(definitions))
	values["definitions"] = definitions

	return values
}

// drawNode draws a schema that refers to the first few definitions only, so to none that refers to it.
func drawNode(t *rapid.T, depth, definitions int) map[string]any {
	kinds := []string{"string", "integer", "number", "boolean", "int-or-string", "anyOf", "any", "enum", "const"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "map", "array", "oneOf", "allOf")
	}

	if definitions > 0 {
		kinds = append(kinds, "ref", "ref")
	}

	node := map[string]any{}

	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
	case "string":
		node["type"] = "string"
		maybe(t, node, "minLength", rapid.IntRange(0, 2).Draw(t, "minLength"))
		maybe(t, node, "maxLength", rapid.IntRange(2, 4).Draw(t, "maxLength"))
		maybe(t, node, "pattern", rapid.SampledFrom([]string{"^a", "b$", "[0-9]"}).Draw(t, "pattern"))
		maybe(t, node, "format", rapid.SampledFrom([]string{"ipv4", "date", "duration", "made-up"}).Draw(t, "format"))
	case "integer", "number":
		node["type"] = kind
		maybe(t, node, "minimum", rapid.IntRange(-2, 1).Draw(t, "minimum"))
		maybe(t, node, "exclusiveMinimum", rapid.IntRange(-2, 1).Draw(t, "exclusiveMinimum"))
		maybe(t, node, "maximum", rapid.IntRange(1, 4).Draw(t, "maximum"))
		maybe(t, node, "multipleOf", rapid.IntRange(1, 2).Draw(t, "multipleOf"))
	case "boolean":
		node["type"] = kind
	case "int-or-string":
		node["type"] = []any{"string", "integer"}
		maybe(t, node, "minimum", 0)
		maybe(t, node, "pattern", "^a")
	case "anyOf":
		node["anyOf"] = []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}
	case "enum":
		node["enum"] = rapid.SampledFrom([][]any{{"a", "b"}, {"a", nil}}).Draw(t, "enum")
	case "const":
		node["const"] = rapid.SampledFrom([]any{"a", 1, true}).Draw(t, "const")
	case "object":
		node = drawObject(t, depth-1, definitions)
	case "map":
		node["type"] = "object"
		node["additionalProperties"] = drawNode(t, depth-1, definitions)
		maybe(t, node, "minProperties", 1)
	case "array":
		node["type"] = "array"
		node["items"] = drawNode(t, depth-1, definitions)
		maybe(t, node, "minItems", 1)
		maybe(t, node, "maxItems", 2)
	case "oneOf":
		one := rapid.SampledFrom([]map[string]any{{"type": "integer", "minimum": 1}, {"enum": []any{"a"}}, {"type": "array"}, {"type": "object"}})
		node["oneOf"] = []any{map[string]any{"type": "null"}, one.Draw(t, "one")}
	case "allOf":
		node["allOf"] = []any{drawNode(t, depth-1, definitions)}
	case "ref":
		node["$ref"] = fmt.Sprint("#/definitions/d", rapid.IntRange(0, definitions-1).Draw(t, "ref"))
	}

	if kind, isOne := node["type"].(string); isOne {
		if rapid.IntRange(0, 5).Draw(t, "nullable") == 0 {
			node["type"] = []any{kind, "null"}
		}

		maybe(t, node, "default", "told")
	}

	maybe(t, node, "description", "Words.")

	return node
}

func drawObject(t *rapid.T, depth, definitions int) map[string]any {
	properties := map[string]any{}
	node := map[string]any{"type": "object", "properties": properties}

	for i := range rapid.IntRange(1, 3).Draw(t, "properties") {
		properties[fmt.Sprint("p", i)] = drawNode(t, depth, definitions)
	}

	maybe(t, node, "required", []any{"p0"})
	maybe(t, node, "additionalProperties", false)
	maybe(t, node, "maxProperties", 2)

	return node
}

func maybe(t *rapid.T, node map[string]any, key string, value any) {
	if rapid.IntRange(0, 2).Draw(t, "has "+key) == 0 {
		node[key] = value
	}
}

// drawSample draws a value that the schema likely takes, and sometimes one that it doesn't.
func drawSample(t *rapid.T, node, definitions map[string]any, depth int) any {
	if ref, isRef := node["$ref"].(string); isRef {
		return drawSample(t, definitions[ref[len("#/definitions/"):]].(map[string]any), definitions, depth)
	}

	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if all, isThere := node[key].([]any); isThere {
			return drawSample(t, rapid.SampledFrom(all).Draw(t, key).(map[string]any), definitions, depth)
		}
	}

	if values, isThere := node["enum"].([]any); isThere {
		return rapid.SampledFrom(append(values, nil)).Draw(t, "value")
	}

	if value, isThere := node["const"]; isThere {
		return value
	}

	kind := node["type"]
	if kinds, isList := kind.([]any); isList {
		kind = rapid.SampledFrom(kinds).Draw(t, "type")
	}

	if rapid.IntRange(0, 19).Draw(t, "wrong") == 0 {
		kind = rapid.SampledFrom([]any{"string", "integer", "null"}).Draw(t, "wrong type")
	}

	switch kind {
	case "string":
		return rapid.SampledFrom([]string{"", "a", "ab", "a1b", "12", "10.0.0.1", "2026-01-02", "abcdefg"}).Draw(t, "text")
	case "integer":
		return rapid.IntRange(-3, 5).Draw(t, "integer")
	case "number":
		return rapid.SampledFrom([]float64{-1.5, 0, 1, 1.5, 2, 4}).Draw(t, "number")
	case "boolean":
		return rapid.Bool().Draw(t, "boolean")
	case "null":
		return nil
	case "array":
		return drawList(t, node, definitions, depth)
	case "object":
		return drawFields(t, node, definitions, depth)
	}

	return rapid.SampledFrom([]any{nil, "a", 1, 1.5, true, []any{1, "a"}, map[string]any{"any": nil}}).Draw(t, "any")
}

func drawList(t *rapid.T, node, definitions map[string]any, depth int) any {
	list := []any{}

	items, _ := node["items"].(map[string]any)
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		list = append(list, drawSample(t, items, definitions, depth+1))
	}

	return list
}

func drawFields(t *rapid.T, node, definitions map[string]any, depth int) any {
	object := map[string]any{}

	properties, _ := node["properties"].(map[string]any)
	for i := range len(properties) {
		key := fmt.Sprint("p", i)
		if rapid.IntRange(0, 4).Draw(t, "is there") > 0 {
			object[key] = drawSample(t, properties[key].(map[string]any), definitions, depth+1)
		}
	}

	if others, isMap := node["additionalProperties"].(map[string]any); isMap {
		for i := range rapid.IntRange(0, 2).Draw(t, "keys") {
			object[fmt.Sprint("k", i)] = drawSample(t, others, definitions, depth+1)
		}
	}

	return object
}
