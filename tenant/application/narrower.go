// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// narrower compares what two schemas ask of a single value.
func (c *comparison) narrower(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	c.choices(path, before, after)
	c.bounds(path, before, after)

	if after.Pattern != "" && after.Pattern != before.Pattern {
		c.add(path, fmt.Sprintf("must match %q now", after.Pattern))
	}

	if after.Format != "" && after.Format != before.Format {
		c.add(path, fmt.Sprintf("must have the format %q now", after.Format))
	}

	for _, rule := range after.XValidations {
		isOld := slices.ContainsFunc(before.XValidations, func(old apiextensionsv1.ValidationRule) bool { return old.Rule == rule.Rule })
		if !isOld {
			c.add(path, "must fulfil a new rule: "+rule.Rule)
		}
	}

	// What Schema never makes, and can't be compared.
	for _, rule := range []struct {
		name          string
		before, after any
	}{
		{"allOf", before.AllOf, after.AllOf},
		{"anyOf", before.AnyOf, after.AnyOf},
		{"oneOf", before.OneOf, after.OneOf},
		{"not", before.Not, after.Not},
		{"uniqueItems", before.UniqueItems, after.UniqueItems},
		{"x-kubernetes-list-type", before.XListType, after.XListType},
		{"x-kubernetes-map-type", before.XMapType, after.XMapType},
		{"x-kubernetes-list-map-keys", before.XListMapKeys, after.XListMapKeys},
		{"x-kubernetes-embedded-resource", before.XEmbeddedResource, after.XEmbeddedResource},
	} {
		if isNewRule(rule.before, rule.after) {
			c.add(path, "has another rule "+rule.name)
		}
	}
}

func (c *comparison) choices(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	if len(after.Enum) == 0 {
		return
	}

	if len(before.Enum) == 0 {
		c.add(path, "must be one of a few values now")

		return
	}

	for _, value := range before.Enum {
		stays := slices.ContainsFunc(after.Enum, func(one apiextensionsv1.JSON) bool { return bytes.Equal(one.Raw, value.Raw) })
		if !stays {
			c.add(path, "may no longer be "+Clip(string(value.Raw), maxReason))
		}
	}
}

func (c *comparison) bounds(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	for _, bound := range []struct {
		what          string
		before, after *float64
		wasOut, isOut bool // the bound itself is excluded
		isUpper       bool
	}{
		{"the least value", before.Minimum, after.Minimum, before.ExclusiveMinimum, after.ExclusiveMinimum, false},
		{"the greatest value", before.Maximum, after.Maximum, before.ExclusiveMaximum, after.ExclusiveMaximum, true},
		{"the least length", float(before.MinLength), float(after.MinLength), false, false, false},
		{"the greatest length", float(before.MaxLength), float(after.MaxLength), false, false, true},
		{"the least number of items", float(before.MinItems), float(after.MinItems), false, false, false},
		{"the greatest number of items", float(before.MaxItems), float(after.MaxItems), false, false, true},
		{"the least number of keys", float(before.MinProperties), float(after.MinProperties), false, false, false},
		{"the greatest number of keys", float(before.MaxProperties), float(after.MaxProperties), false, false, true},
	} {
		if bound.after == nil {
			continue
		}

		if bound.before != nil {
			further := *bound.after - *bound.before
			if bound.isUpper {
				further = -further
			}

			if further < 0 || (further == 0 && (bound.wasOut || !bound.isOut)) {
				continue
			}
		}

		c.add(path, fmt.Sprintf("%s is %v now", bound.what, *bound.after))
	}

	if after.MultipleOf != nil && (before.MultipleOf == nil || *before.MultipleOf != *after.MultipleOf) {
		c.add(path, fmt.Sprintf("must be a multiple of %v now", *after.MultipleOf))
	}
}

// float holds every length that a schema can have: Schema takes none beyond 2^53.
func float(count *int64) *float64 {
	if count == nil {
		return nil
	}

	out := float64(*count)

	return &out
}
