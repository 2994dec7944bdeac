// SPDX-License-Identifier: Apache-2.0

package application

import (
	"encoding/json"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// kind says of which type a value is, or that it may be anything.
func (c *converter) kind(f flat, out *apiextensionsv1.JSONSchemaProps) {
	types, ok := c.types(f)
	if !ok {
		return
	}

	if i := slices.Index(types, "null"); i >= 0 && len(types) > 1 {
		out.Nullable = true
		types = slices.Delete(types, i, i+1)
	}

	slices.Sort(types)

	switch joined := strings.Join(types, ","); joined {
	case "array", "boolean", "integer", "number", "object", "string":
		out.Type = joined
	case "integer,string":
		out.XIntOrString = true
	case "integer,number":
		out.Type = "number"
	case "":
		anything(out)
	default:
		c.losses.add(pointer(f.at.path, "type"), "%s can't be expressed: one type, with null or not, or integer and string", encode(f.node["type"]))
	}
}

// types are those that are named, or else that follow from what is asked. None: the value may be anything.
func (c *converter) types(f flat) (types []string, ok bool) {
	switch named := f.node["type"].(type) {
	case string:
		return []string{named}, true
	case []any:
		for _, one := range named {
			text, _ := one.(string) // what is no string is no type either
			types = append(types, text)
		}

		slices.Sort(types)

		return slices.Compact(types), len(types) > 0 || c.loseType(f, "names no type")
	case nil:
		if _, isThere := f.node["type"]; !isThere {
			return c.inferred(f)
		}
	}

	return nil, c.loseType(f, "must be a type, or a list of types")
}

func (c *converter) loseType(f flat, reason string) bool {
	c.losses.add(pointer(f.at.path, "type"), "%s", reason)

	return false
}

func (c *converter) inferred(f flat) (types []string, ok bool) {
	switch {
	case has(f.node, "$ref", "allOf", "anyOf", "oneOf"): // lost as a whole
		return nil, true
	case f.node["x-kubernetes-int-or-string"] == true:
		return []string{"integer", "string"}, true
	case has(f.node, "properties", "additionalProperties", "required"):
		return []string{"object"}, true
	case has(f.node, "items"):
		return []string{"array"}, true
	case has(f.node, "const"):
		return typesOf([]any{f.node["const"]}), true
	case has(f.node, "enum"):
		values, _ := f.node["enum"].([]any) // one that is no list is found elsewhere

		return typesOf(values), true
	case has(f.node, "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
		"multipleOf", "minItems", "maxItems", "minProperties", "maxProperties"):
		return nil, c.loseType(f, "is missing beside a rule that holds for some types only")
	}

	return nil, true
}

// typesOf are the types of these values.
func typesOf(values []any) []string {
	var types []string

	for _, value := range values {
		switch value := value.(type) {
		case nil:
			types = append(types, "null")
		case bool:
			types = append(types, "boolean")
		case string:
			types = append(types, "string")
		case []any:
			types = append(types, "array")
		case map[string]any:
			types = append(types, "object")
		case json.Number:
			kind := "integer"
			if strings.ContainsAny(value.String(), ".eE") {
				kind = "number"
			}

			types = append(types, kind)
		}
	}

	slices.Sort(types)

	return slices.Compact(types)
}

func has(node map[string]any, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		_, isThere := node[key]

		return isThere
	})
}
