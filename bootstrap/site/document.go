// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// position is a place in a file; both count from 1.
type position struct{ line, column int }

// document is a YAML file as plain values, with the place of each.
type document struct {
	root     map[string]any
	at       map[string]position // by path: of scalars and list items the value, of mappings and lists their key
	keys     map[string]position // by path: the key
	given    []string            // paths of leaves that say something: not null, false or empty
	problems []Problem
}

// readDocument reads one YAML document whose root is a mapping.
//
// Anchors, aliases and merge keys are refused, so the values are never larger than the file. A key without a value counts
// as absent (its children may all be commented out), but inside patches and package values, where null has a meaning.
// On an error of syntax root is nil and the problem is the only one.
func readDocument(data []byte) *document {
	d := &document{at: map[string]position{}, keys: map[string]position{}}
	if !utf8.Valid(data) {
		d.fail(position{}, "not UTF-8 text", "")
		return d
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		d.syntax(err)
		return d
	}
	if err := decoder.Decode(&second); err == nil {
		d.fail(place(&second), "a second document", "a site file is one YAML document: remove this \"---\" and what follows it")
		return d
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
		return d
	}
	root := first.Content[0]
	if root.Kind != yaml.MappingNode {
		d.fail(place(root), "not a mapping: "+describe(root), templateHint)
		return d
	}
	d.root = d.mapping("", root, false)
	return d
}

const templateHint = "start from: cozy-install config init"

func (d *document) fail(at position, rule, hint string) {
	d.problems = append(d.problems, Problem{Line: at.line, Column: at.column, Rule: rule, Hint: hint})
}

func (d *document) failAt(path string, at position, rule, hint string) {
	d.problems = append(d.problems, Problem{Path: path, Line: at.line, Column: at.column, Rule: rule, Hint: hint})
}

// syntax reports an error of the YAML parser, which gives its line in the text only: "yaml: line 3: did not find ...".
func (d *document) syntax(err error) {
	if errors.Is(err, io.EOF) {
		d.fail(position{}, "empty", templateHint)
		return
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := position{}
	if match := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); match != nil {
		at.line, _ = strconv.Atoi(match[1])
		at.column = 1
		text = strings.TrimPrefix(text, match[0])
	}
	d.fail(at, "not YAML: "+text, "")
}

// value turns a node into map[string]any, []any, string, bool, int64, uint64, float64 or nil. Free values are the
// operator's own maps, which no schema of ours describes.
func (d *document) value(path string, node *yaml.Node, free bool) any {
	if node.Anchor != "" || node.Kind == yaml.AliasNode {
		d.failAt(path, place(node), "an anchor or alias, which a site file can't have", "write the value out")
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return d.mapping(path, node, free)
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			itemPath := fmt.Sprintf("%s[%d]", path, i)
			d.at[itemPath] = place(item)
			list[i] = d.value(itemPath, item, free)
		}
		return list
	default:
		return d.scalar(path, node, free)
	}
}

func (d *document) mapping(path string, node *yaml.Node, free bool) map[string]any {
	object := make(map[string]any, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, item := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || key.Anchor != "" {
			d.failAt(join(path, key.Value), place(key), "a key that is not a plain string: "+describe(key), "write keys as text, in quotes if need be")
			continue
		}
		itemPath := join(path, key.Value)
		if line, twice := lines[key.Value]; twice {
			d.failAt(itemPath, place(key), fmt.Sprintf("given twice, first on line %d", line), "")
			continue
		}
		lines[key.Value] = key.Line
		d.at[itemPath], d.keys[itemPath] = place(key), place(key)
		if item.Kind == yaml.ScalarNode {
			d.at[itemPath] = place(item)
		}
		value := d.value(itemPath, item, free || isFree(path, key.Value))
		if value != nil || free {
			object[key.Value] = value
		}
	}
	return object
}

// isFree reports whether below a key there are maps that no schema of ours describes.
func isFree(path, key string) bool {
	return key == "patches" || path == "talos.rolePatches" || path == "packages" && key == "values"
}

func (d *document) scalar(path string, node *yaml.Node, free bool) any {
	value, ok := scalarValue(node)
	if !ok {
		d.failAt(path, place(node), "a value of kind "+node.ShortTag()+", which a site file can't have", "")
		return nil
	}
	if text, isText := value.(string); isText && !free && placeholder(text) {
		d.failAt(path, place(node), "still to be filled in: "+text, "")
		return nil
	}
	if value != nil && value != false && value != "" {
		d.given = append(d.given, path)
	}
	return value
}

func scalarValue(node *yaml.Node) (value any, ok bool) {
	switch node.ShortTag() {
	case "!!null":
		return nil, true
	case "!!str", "!!timestamp": // 2026-01-02 is text to us
		return node.Value, true
	case "!!bool", "!!int", "!!float":
		if err := node.Decode(&value); err != nil {
			return nil, false
		}
		if number, isInt := value.(int); isInt {
			return int64(number), true
		}
		if number, isFloat := value.(float64); isFloat && (math.IsNaN(number) || math.IsInf(number, 0)) {
			return nil, false // JSON has no such numbers
		}
		return value, true
	}
	return nil, false
}

// placeholder reports whether a value is one of the template's "<...>".
func placeholder(text string) bool {
	return strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">")
}

func place(node *yaml.Node) position {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	return position{node.Line, node.Column}
}

// describe names what a node is, for messages. Only scalars are quoted, shortened.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if node.ShortTag() == "!!null" {
		return "nothing"
	}
	return strconv.Quote(show(node.Value))
}
