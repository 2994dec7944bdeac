// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Change is one way in which a schema refuses what the one before took.
type Change struct {
	// Path is where in an object: spec.backup.schedule, spec.users.* for the values of a map, spec.hosts[] for items.
	Path   string
	Reason string
}

func (c Change) String() string { return c.Path + ": " + c.Reason }

// Breaking lists what makes a new schema refuse, or drop fields of, objects that were stored under an old one; none: every
// stored object stays valid as it is. Both are as Schema makes them. It is conservative: what it can't tell, such as whether
// one pattern matches all that another does, counts as a break.
func Breaking(before, after *apiextensionsv1.JSONSchemaProps) []Change {
	c := &comparison{}
	c.compare("spec", before, after)

	if len(before.Required) == 0 && len(after.Required) > 0 {
		c.add("spec", "is required now")
	}

	slices.SortFunc(c.changes, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason)) })

	return slices.Compact(c.changes)
}

type comparison struct{ changes []Change }

func (c *comparison) add(path, reason string) {
	c.changes = append(c.changes, Change{Path: path, Reason: reason})
}

func (c *comparison) compare(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	if isAny(after) {
		return
	}

	if !widens(before, after) {
		c.add(path, "was "+kindOf(before)+" and is "+kindOf(after)+" now")

		return
	}

	if before.Nullable && !after.Nullable {
		c.add(path, "may no longer be null")
	}

	c.narrower(path, before, after)

	if before.Items != nil && after.Items != nil {
		c.compare(path+"[]", before.Items.Schema, after.Items.Schema)
	}

	if after.Type == "object" {
		c.named(path, before, after)
		c.unnamed(path, before, after)
		c.required(path, before, after)
	}
}

// named compares what is under the keys that either schema names.
func (c *comparison) named(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	for _, key := range slices.Sorted(maps.Keys(before.Properties)) {
		was := before.Properties[key]

		switch is, isThere := after.Properties[key]; {
		case isThere:
			c.compare(path+"."+key, &was, &is)
		case after.AdditionalProperties != nil:
			c.compare(path+"."+key, &was, after.AdditionalProperties.Schema)
		case !isOpen(after):
			c.add(path+"."+key, "is gone")
		}
	}

	for _, key := range slices.Sorted(maps.Keys(after.Properties)) {
		is := after.Properties[key]
		_, wasThere := before.Properties[key]

		switch {
		case wasThere:
		case before.AdditionalProperties != nil:
			c.compare(path+"."+key, before.AdditionalProperties.Schema, &is)
		case isOpen(before) && !isAny(&is):
			c.add(path+"."+key, "could hold anything and is "+kindOf(&is)+" now")
		}
	}
}

// unnamed compares what is under the other keys.
func (c *comparison) unnamed(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	path += ".*"

	switch {
	case isOpen(after):
	case before.AdditionalProperties != nil && after.AdditionalProperties != nil:
		c.compare(path, before.AdditionalProperties.Schema, after.AdditionalProperties.Schema)
	case before.AdditionalProperties != nil:
		c.add(path, "may no longer be there")
	case isOpen(before) && (after.AdditionalProperties == nil || !isAny(after.AdditionalProperties.Schema)):
		c.add(path, "could hold anything")
	}
}

func (c *comparison) required(path string, before, after *apiextensionsv1.JSONSchemaProps) {
	for _, key := range after.Required {
		if !slices.Contains(before.Required, key) {
			c.add(path+"."+key, "is required now")
		}
	}
}

// widens says whether every value of the type of before is one of the type of after.
func widens(before, after *apiextensionsv1.JSONSchemaProps) bool {
	switch was, is := kindOf(before), kindOf(after); {
	case was == is:
		return true
	case is == "number":
		return was == "integer"
	case is == intOrString:
		return was == "integer" || was == "string"
	}

	return false
}

const intOrString = "integer or string"

func kindOf(schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.XIntOrString:
		return intOrString
	case schema.Type == "":
		return "anything"
	}

	return schema.Type
}

// isAny says whether a schema takes every value: of those that Schema makes, one without type has no other rule.
func isAny(schema *apiextensionsv1.JSONSchemaProps) bool {
	return schema.Type == "" && isOpen(schema) && schema.Nullable && len(schema.Enum) == 0 && len(schema.XValidations) == 0
}

// isOpen says whether keys that have no name may hold anything.
func isOpen(schema *apiextensionsv1.JSONSchemaProps) bool {
	return schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields
}

// isNewRule says whether a rule is there that was not, where equal ones mean the same.
func isNewRule(before, after any) bool {
	value := reflect.ValueOf(after)
	isEmpty := value.IsZero() || (value.Kind() == reflect.Slice && value.Len() == 0)

	return !isEmpty && !reflect.DeepEqual(before, after)
}
