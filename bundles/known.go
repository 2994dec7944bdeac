// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
)

// KnownChart is what is known of an upstream chart of one version without downloading it, as charts/<chart>.yaml says it.
type KnownChart struct {
	Chart     string   `json:"chart"`
	Version   string   `json:"version"`
	Subcharts []string `json:"subcharts,omitempty"` // their values are not known
	CRDs      []string `json:"crds,omitempty"`      // that it brings, by default
	// Values are the leaves of its values.yaml: escaped dotted path -> string, bool, int, list, map or null. Below a map or
	// null the chart takes anything.
	Values map[string]string `json:"values"`
	// Undeclared are paths that its templates read and its values.yaml does not name. Anything may be below them.
	Undeclared []string `json:"undeclared,omitempty"`
}

// known returns what is known of the chart; nil: nothing, as of every other version.
func (c *Catalog) known(chart Chart) *KnownChart {
	if k := c.charts[chart.Name]; chart.Embedded == "" && k != nil && k.Version == chart.Version {
		return k
	}
	return nil
}

// check reports each value that the chart would ignore, by its path.
func (k *KnownChart) check(values map[string]any, problem func(path []string, rule string)) {
	inner := map[string]map[string]bool{} // path of a map -> its known keys
	leaves := map[string]string{}
	learn := func(escaped, kind string) {
		keys := splitPath(escaped)
		leaves[joinPath(keys)] = kind
		for i, key := range keys {
			at := joinPath(keys[:i])
			if inner[at] == nil {
				inner[at] = map[string]bool{}
			}
			inner[at][key] = true
		}
	}
	for path, kind := range k.Values {
		learn(path, kind)
	}
	for _, path := range k.Undeclared {
		learn(path, "null")
	}
	for _, name := range append([]string{"global"}, k.Subcharts...) {
		learn(escapeKey(name), "null")
	}

	var walk func(path []string, value any)
	walk = func(path []string, value any) {
		at := joinPath(path)
		object, isMap := value.(map[string]any)
		switch kind, isLeaf := leaves[at]; {
		case !isLeaf && inner[at] == nil:
			parent, last := joinPath(path[:len(path)-1]), path[len(path)-1]
			problem(path, "the chart knows no such value"+didYouMean(last, sortedKeys(inner[parent])))
		case value == nil, isLeaf && (kind == "map" || kind == "null" || !isMap):
		case isLeaf:
			problem(path, fmt.Sprintf("the chart wants a %s here, not a map", kind))
		case !isMap:
			problem(path, "the chart wants a map here")
		default:
			for _, key := range sortedKeys(object) {
				walk(append(slices.Clone(path), key), object[key])
			}
		}
	}
	for _, key := range sortedKeys(values) {
		walk([]string{key}, values[key])
	}
}

// splitPath takes an escaped dotted path apart: a\.b.c is two keys.
func splitPath(escaped string) []string {
	parts := strings.Split(strings.ReplaceAll(escaped, `\.`, "\x00"), ".")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(part, "\x00", ".")
	}
	return parts
}

func joinPath(keys []string) string { return strings.Join(keys, "\x00") }

func escapeKey(key string) string { return strings.ReplaceAll(key, ".", `\.`) }
