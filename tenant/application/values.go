// SPDX-License-Identifier: Apache-2.0

package application

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// values takes over what is asked of a single value.
func (c *converter) values(f flat, out *apiextensionsv1.JSONSchemaProps) {
	c.numbers(f, out)

	out.MinLength = c.count(f, "minLength")
	out.MaxLength = c.count(f, "maxLength")

	if value, isThere := f.node["pattern"]; isThere {
		pattern, isText := value.(string)
		if _, err := regexp.Compile(pattern); err != nil || !isText {
			c.losses.add(pointer(f.at.path, "pattern"), "%s is no regular expression of RE2, which Helm and the API server use", encode(value))
		}

		out.Pattern = pattern
	}

	c.choices(f, out)

	if format, _ := f.node["format"].(string); isFormat(out.Type, format) {
		out.Format = format
	}
}

// choices are the values that are allowed, if they are listed. The API server takes null for none of them, whatever the list
// holds: a choice of texts or null becomes a pattern, which null does not have to match.
func (c *converter) choices(f flat, out *apiextensionsv1.JSONSchemaProps) {
	key, values := c.listed(f)
	if key == "" {
		return
	}

	some := slices.DeleteFunc(slices.Clone(values), func(value any) bool { return value == nil })
	out.Nullable = out.Nullable && (f.isNullable || len(some) < len(values))

	if out.Nullable {
		pattern, isText := patternOf(some)
		if !isText || out.Type != "string" || has(f.node, "pattern") {
			c.losses.add(pointer(f.at.path, key), "null can be a choice only beside texts, and without a pattern")
		}

		out.Pattern = pattern

		return
	}

	for _, value := range some {
		out.Enum = append(out.Enum, apiextensionsv1.JSON{Raw: []byte(encode(value))})
	}
}

// listed are the values of enum or const, and which of them it was. Neither: "".
func (c *converter) listed(f flat) (key string, values []any) {
	constant, isConstant := f.node["const"]
	enum, isEnum := f.node["enum"]

	switch {
	case isConstant && isEnum:
		c.losses.add(pointer(f.at.path, "const"), "can't be expressed beside enum")
	case isConstant:
		return "const", []any{constant}
	case isEnum:
		values, _ = enum.([]any)
		if !slices.ContainsFunc(values, func(value any) bool { return value != nil }) {
			c.losses.add(pointer(f.at.path, "enum"), "must be a list of at least one value that is not null")
		}

		return "enum", values
	}

	return "", nil
}

// patternOf is what exactly these texts match.
func patternOf(values []any) (pattern string, ok bool) {
	quoted := make([]string, 0, len(values))

	for _, value := range values {
		text, isText := value.(string)
		if !isText {
			return "", false
		}

		quoted = append(quoted, regexp.QuoteMeta(text))
	}

	return "^(" + strings.Join(quoted, "|") + ")$", true
}

func (c *converter) numbers(f flat, out *apiextensionsv1.JSONSchemaProps) {
	out.Minimum = c.number(f, "minimum")
	out.Maximum = c.number(f, "maximum")
	out.MultipleOf = c.number(f, "multipleOf")

	if out.MultipleOf != nil && *out.MultipleOf <= 0 {
		c.losses.add(pointer(f.at.path, "multipleOf"), "must be more than 0")
	}

	if above := c.number(f, "exclusiveMinimum"); above != nil && (out.Minimum == nil || *above >= *out.Minimum) {
		out.Minimum, out.ExclusiveMinimum = above, true
	}

	if below := c.number(f, "exclusiveMaximum"); below != nil && (out.Maximum == nil || *below <= *out.Maximum) {
		out.Maximum, out.ExclusiveMaximum = below, true
	}
}

// number is nil where the keyword is missing or can't be read.
func (c *converter) number(f flat, key string) *float64 {
	// exact is the largest integer up to which a float64 holds every one.
	const exact = 1 << 53

	value, isThere := f.node[key]
	if !isThere {
		return nil
	}

	written, isNumber := value.(json.Number)
	number, err := written.Float64()

	if !isNumber || err != nil || math.Abs(number) > exact {
		c.losses.add(pointer(f.at.path, key), "must be a number of at most 2^53")

		return nil
	}

	return &number
}

// count is a number of characters, items or keys; nil where the keyword is missing or can't be read.
func (c *converter) count(f flat, key string) *int64 {
	number := c.number(f, key)
	if number == nil {
		return nil
	}

	if *number < 0 || *number != math.Trunc(*number) {
		c.losses.add(pointer(f.at.path, key), "must be a whole number of at least 0")

		return nil
	}

	count := int64(*number)

	return &count
}
