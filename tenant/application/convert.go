// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// converter goes through a JSON schema once.
type converter struct {
	document any
	losses   Losses
	// spent is a bound of the outcome's size so far, in bytes.
	spent  int
	isFull bool
	// following are the references that led to the node at hand.
	following []string
}

// place is where a node stands.
type place struct {
	// path is its JSON pointer in the source.
	path  string
	depth int
	// isMerged says that Helm merges the chart's defaults into the value: not so in lists.
	isMerged bool
}

// child is the place of the schema of a value within the value at hand.
func (p place) child(keys ...string) place {
	return place{path: pointer(p.path, keys...), depth: p.depth + 1, isMerged: p.isMerged}
}

func (p place) isTop() bool { return p.depth == 0 }

// pointer appends to a JSON pointer (RFC 6901).
func pointer(path string, keys ...string) string {
	for _, key := range keys {
		path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}

	return path
}

// node converts the schema of one value. hasDefault says that the chart has a value for it.
func (c *converter) node(source any, at place) (out apiextensionsv1.JSONSchemaProps, hasDefault bool) {
	led := len(c.following)
	defer func() { c.following = c.following[:led] }()

	if at.depth > maxDepth {
		c.losses.add(at.path, "values lie in each other deeper than %d", maxDepth)

		return out, false
	}

	f, ok := c.flatten(source, at)
	if !ok || !c.spend(f.node) {
		return out, false
	}

	for _, key := range slices.Sorted(maps.Keys(f.node)) {
		if reason := inexpressible(key, f.node[key]); reason != "" {
			c.losses.add(pointer(f.at.path, key), "%s", reason)
		}
	}

	out.Nullable = f.isNullable
	c.kind(f, &out)
	c.annotate(f, &out)
	c.values(f, &out)
	c.list(f, &out)
	c.object(f, &out)
	c.rules(f, &out)

	_, hasDefault = f.node["default"]

	return out, hasDefault
}

// spend counts what a node adds to the outcome beside its children, before it is added.
func (c *converter) spend(node map[string]any) bool {
	const ofAny = 64

	c.spent += ofAny

	for key, value := range node {
		switch key {
		case "properties", "items", "additionalProperties", "definitions", "$defs":
		default:
			c.spent += len(encode(value))
		}
	}

	if c.spent > maxOutput && !c.isFull {
		c.isFull = true
		c.losses.add("#", "with its references replaced the schema would have more than %d KiB", maxOutput>>10)
	}

	return !c.isFull
}

// annotate keeps what is for readers, and tells them of the default.
func (c *converter) annotate(f flat, out *apiextensionsv1.JSONSchemaProps) {
	for _, note := range []struct {
		key  string
		into *string
	}{{"description", &out.Description}, {"title", &out.Title}} {
		value, isThere := f.node[note.key]
		if !isThere {
			continue
		}

		text, isText := value.(string)
		if !isText {
			c.losses.add(pointer(f.at.path, note.key), "must be a string")
		}

		*note.into = text
	}

	if told := tellDefault(f.node["default"]); told != "" {
		out.Description = strings.TrimSpace(out.Description + " Default: " + told + ".")
	}
}

// tellDefault is empty where nothing is worth telling.
func tellDefault(value any) string {
	const most = 256 // bytes; beyond it nobody reads on

	switch value := value.(type) {
	case nil:
		return ""
	case map[string]any:
		if len(value) == 0 {
			return ""
		}
	case []any:
		if len(value) == 0 {
			return ""
		}
	}

	return Clip(encode(value), most)
}

// encode writes JSON with sorted keys, and without making < of HTML something else.
func encode(value any) string {
	var out bytes.Buffer

	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)

	if err := encoder.Encode(value); err != nil {
		return "" // what was read from JSON can be written as JSON
	}

	return strings.TrimSuffix(out.String(), "\n")
}

// anything lets an object hold any key, and a value without type be null as well.
func anything(out *apiextensionsv1.JSONSchemaProps) {
	yes := true
	out.XPreserveUnknownFields = &yes
	out.Nullable = out.Nullable || out.Type == ""
}
