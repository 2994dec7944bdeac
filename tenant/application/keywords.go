// SPDX-License-Identifier: Apache-2.0

package application

import "strings"

// inexpressible says why a keyword can't be part of a structural schema; empty: it can, or it says nothing of what is valid.
// A keyword that is not known is one that may say something.
func inexpressible(key string, value any) string {
	if isNote(key) {
		return ""
	}

	switch key {
	case "type", "nullable", "enum", "const", "format", "properties", "required", "additionalProperties", "items",
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
		"minItems", "maxItems", "minProperties", "maxProperties",
		"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations":
		return ifNot(key != "nullable", "is no keyword of JSON schema: write type: [..., \"null\"]")
	case "contentEncoding", "contentMediaType":
		return ""
	case "uniqueItems":
		return ifNot(value == false, "a structural schema can't ask for items that differ")
	case "anyOf", "oneOf":
		return "only a choice of integer and string, or of null and something else, can be expressed"
	case "allOf":
		return "only one schema without others beside it can be expressed"
	case "$ref":
		return "only one reference, with nothing but a description beside it, can be expressed"
	case "patternProperties", "propertyNames":
		return "a structural schema can't say how keys are spelt"
	case "not", "if", "then", "else", "dependencies", "dependentRequired", "dependentSchemas", "contains", "minContains",
		"maxContains", "additionalItems", "prefixItems", "unevaluatedProperties", "unevaluatedItems", "contentSchema",
		"$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor":
		return "a structural schema has nothing like it"
	}

	return "is not known, so it may ask for what a structural schema can't"
}

func ifNot(is bool, reason string) string {
	if is {
		return ""
	}

	return reason
}

// isNote says whether a keyword only speaks to readers and tools.
func isNote(key string) bool {
	switch key {
	case "title", "description", "default", "examples", "$comment", "readOnly", "writeOnly", "deprecated",
		"definitions", "$defs", "$schema", "$id":
		return true
	}

	return strings.HasPrefix(key, "x-") && !strings.HasPrefix(key, "x-kubernetes-")
}

// isFormat says whether the API server knows a format, and takes what the schema library of Helm takes. Not so "duration",
// which is 22ns to one and PT22S to the other.
func isFormat(kind, format string) bool {
	switch kind {
	case "integer":
		return format == "int32" || format == "int64"
	case "number":
		return format == "float" || format == "double"
	case "string":
		switch format {
		case "byte", "date", "date-time", "email", "hostname", "ipv4", "ipv6", "password", "uri", "uuid":
			return true
		}
	}

	return false
}
