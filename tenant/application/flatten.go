// SPDX-License-Identifier: Apache-2.0

package application

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// flat is the schema of one value with references and wrappers taken off.
type flat struct {
	node map[string]any
	at   place
	// isNullable says that a wrapper allowed null.
	isNullable bool
}

// flatten follows $ref, an allOf of one, and a choice between something and null, until there is none. What is written beside
// them for readers wins over what they lead to; anything else beside them is a loss.
func (c *converter) flatten(source any, at place) (flat, bool) {
	f := flat{at: at}

	for notes := map[string]any{}; ; {
		node, ok := c.asNode(source, f.at)
		if !ok {
			return f, false
		}

		next, path, ok := c.unwrap(node, &f)
		if !ok {
			return f, false
		}

		if path == "" {
			f.node = maps.Clone(node)
			maps.Copy(f.node, notes)
			joinUnion(f.node)

			return f, true
		}

		for key, value := range node {
			if _, isSaid := notes[key]; isNote(key) && !isSaid {
				notes[key] = value
			}
		}

		source, f.at.path = next, path
	}
}

// asNode takes true for a schema that says nothing.
func (c *converter) asNode(source any, at place) (map[string]any, bool) {
	switch source := source.(type) {
	case map[string]any:
		if _, isThere := source["$id"]; isThere && at.path != "#" {
			c.losses.add(pointer(at.path, "$id"), "would change where references lead; only the whole may have one")

			return nil, false
		}

		return source, true
	case bool:
		if source {
			return map[string]any{}, true
		}

		c.losses.add(at.path, "a schema that nothing fits can't be expressed here")
	default:
		c.losses.add(at.path, "a schema is an object, true or false")
	}

	return nil, false
}

// unwrap returns the schema that a wrapper holds, and its path. No path: it is no wrapper.
func (c *converter) unwrap(node map[string]any, f *flat) (next any, path string, ok bool) {
	if ref, isThere := node["$ref"]; isThere && standsAlone(node, "$ref") {
		return c.follow(ref, f.at)
	}

	if all, isList := node["allOf"].([]any); isList && len(all) == 1 && standsAlone(node, "allOf") {
		return all[0], pointer(f.at.path, "allOf", "0"), true
	}

	for _, key := range []string{"anyOf", "oneOf"} {
		choice, _ := node[key].([]any)
		null := slices.IndexFunc(choice, func(one any) bool { return isBare(one, "null") })

		if len(choice) == 2 && null >= 0 && standsAlone(node, key) {
			f.isNullable = true

			return choice[1-null], pointer(f.at.path, key, strconv.Itoa(1-null)), true
		}
	}

	return nil, "", true
}

// follow finds what a reference within the document names.
func (c *converter) follow(ref any, at place) (next any, path string, ok bool) {
	lose := func(reason string, args ...any) (any, string, bool) {
		c.losses.add(pointer(at.path, "$ref"), reason, args...)

		return nil, "", false
	}

	text, isText := ref.(string)
	if !isText || (text != "#" && !strings.HasPrefix(text, "#/")) {
		return lose("only references like #/definitions/name can be followed, not %s", encode(ref))
	}

	unescaped, err := url.PathUnescape(text)
	if err != nil {
		return lose("%v", err)
	}

	next, path = c.document, "#"

	for _, key := range strings.Split(unescaped, "/")[1:] {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		path = pointer(path, key)

		switch within := next.(type) {
		case map[string]any:
			next = within[key]
		case []any:
			next = nil
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(within) {
				next = within[i]
			}
		default:
			next = nil
		}

		if next == nil {
			return lose("%s leads nowhere", text)
		}
	}

	if slices.Contains(c.following, path) {
		return lose("%s leads back to itself: values may not lie in each other without end", text)
	}

	c.following = append(c.following, path)

	return next, path, true
}

// joinUnion writes the choice of integer and string, as generators of schemas spell it, as the list of types that it is.
func joinUnion(node map[string]any) {
	for _, key := range []string{"anyOf", "oneOf"} {
		choice, _ := node[key].([]any)
		if len(choice) != 2 || node["type"] != nil {
			continue
		}

		if (isBare(choice[0], "integer") && isBare(choice[1], "string")) || (isBare(choice[0], "string") && isBare(choice[1], "integer")) {
			delete(node, key)
			node["type"] = []any{"integer", "string"}
		}
	}
}

// standsAlone says whether nothing beside the keyword asks anything of a value.
func standsAlone(node map[string]any, keyword string) bool {
	for key := range node {
		if key != keyword && !isNote(key) {
			return false
		}
	}

	return true
}

// isBare says whether a schema is {type: kind} and nothing else.
func isBare(source any, kind string) bool {
	node, _ := source.(map[string]any)

	return len(node) == 1 && node["type"] == kind
}
