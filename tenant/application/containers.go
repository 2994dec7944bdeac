// SPDX-License-Identifier: Apache-2.0

package application

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// list takes over what is asked of a list and its items. Helm replaces lists whole, so no default of the chart reaches into
// an item.
func (c *converter) list(f flat, out *apiextensionsv1.JSONSchemaProps) {
	out.MinItems = c.count(f, "minItems")
	out.MaxItems = c.count(f, "maxItems")

	if out.Type != "array" {
		c.only(f, "array", "items")

		return
	}

	var items apiextensionsv1.JSONSchemaProps

	source, isThere := f.node["items"]
	if isThere {
		at := f.at.child("items")
		at.isMerged = false
		items, _ = c.node(source, at)
	} else {
		anything(&items)
	}

	out.Items = &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &items}
}

// only refuses what would be lost without a word: values of other types, which a structural schema can't have beside these.
func (c *converter) only(f flat, kind string, keys ...string) {
	for _, key := range keys {
		if has(f.node, key) {
			c.losses.add(pointer(f.at.path, key), "can't be expressed unless the type is %s", kind)
		}
	}
}

// object takes over what is asked of an object and the values in it.
func (c *converter) object(f flat, out *apiextensionsv1.JSONSchemaProps) {
	out.MaxProperties = c.count(f, "maxProperties")

	// The chart's defaults count as well, and are none of the object's.
	if least := c.count(f, "minProperties"); !f.at.isMerged {
		out.MinProperties = least
	}

	if out.Type != "object" {
		c.only(f, "object", "properties", "additionalProperties", "required")

		return
	}

	properties, ok := f.node["properties"].(map[string]any)
	if !ok && has(f.node, "properties") {
		c.losses.add(pointer(f.at.path, "properties"), "must be an object")
	}

	defaulted := map[string]bool{}

	for _, key := range slices.Sorted(maps.Keys(properties)) {
		if isLeftOut(f.at, key, properties[key]) {
			continue
		}

		value, hasDefault := c.node(properties[key], f.at.child("properties", key))
		defaulted[key] = hasDefault && f.at.isMerged

		if out.Properties == nil {
			out.Properties = map[string]apiextensionsv1.JSONSchemaProps{}
		}

		out.Properties[key] = value
	}

	c.others(f, len(properties) > 0 || (ok && f.at.isTop()), out)
	c.required(f, defaulted, out)
}

// isLeftOut says whether a key is none of the user's, or may not be there at all.
func isLeftOut(at place, key string, source any) bool {
	return source == false || (at.isTop() && IsReserved(key))
}

// others says what may be under keys that have no name.
func (c *converter) others(f flat, hasNames bool, out *apiextensionsv1.JSONSchemaProps) {
	path := pointer(f.at.path, "additionalProperties")
	source, isThere := f.node["additionalProperties"]
	rules, isSchema := source.(map[string]any)
	isAny := source == true || f.node["x-kubernetes-preserve-unknown-fields"] == true || (!isThere && !hasNames) ||
		(isSchema && len(rules) == 0)

	switch {
	case source == false || (!isThere && hasNames && !isAny):
	case f.at.isTop() && (isThere || isAny):
		c.losses.add(path, "the keys at the top must have names: those without are the platform's")
	case isAny:
		anything(out)
	case hasNames:
		c.losses.add(path, "a structural schema has keys with names or without, not both")
	default:
		values, _ := c.node(source, f.at.child("additionalProperties"))
		out.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: &values}
	}
}

// required leaves out what the chart has a default for.
func (c *converter) required(f flat, defaulted map[string]bool, out *apiextensionsv1.JSONSchemaProps) {
	path := pointer(f.at.path, "required")

	source, isThere := f.node["required"]
	if !isThere {
		return
	}

	keys, isList := source.([]any)
	if !isList {
		c.losses.add(path, "must be a list of keys")
	}

	for _, one := range keys {
		key, isText := one.(string)
		_, isNamed := out.Properties[key]

		switch {
		case !isText:
			c.losses.add(path, "must be a list of keys")
		case f.at.isTop() && IsReserved(key), defaulted[key], slices.Contains(out.Required, key):
		case !isNamed && out.AdditionalProperties == nil && out.XPreserveUnknownFields == nil:
			c.losses.add(path, "%q is required, and its value is described nowhere", key)
		default:
			out.Required = append(out.Required, key)
		}
	}

	slices.Sort(out.Required)
}

// rules takes over what a schema says to the API server alone.
func (c *converter) rules(f flat, out *apiextensionsv1.JSONSchemaProps) {
	if f.node["x-kubernetes-preserve-unknown-fields"] == true && out.Type != "object" && out.XPreserveUnknownFields == nil {
		c.losses.add(pointer(f.at.path, "x-kubernetes-preserve-unknown-fields"), "can't be expressed unless the type is object")
	}

	if f.node["x-kubernetes-int-or-string"] == true && !out.XIntOrString {
		c.losses.add(pointer(f.at.path, "x-kubernetes-int-or-string"), "contradicts the type")
	}

	source, isThere := f.node["x-kubernetes-validations"]
	if !isThere {
		return
	}

	decoder := json.NewDecoder(strings.NewReader(encode(source)))
	decoder.DisallowUnknownFields()

	if err := decoder.Decode(&out.XValidations); err != nil {
		c.losses.add(pointer(f.at.path, "x-kubernetes-validations"), "%v", err)
	}
}
