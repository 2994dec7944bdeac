// SPDX-License-Identifier: Apache-2.0

package site

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// find returns the path and the value of a place the schema validator names: keys and decimal list indexes from the root.
func (d *document) find(location []string) (path string, value any) {
	value = d.root
	for _, token := range location {
		switch holder := value.(type) {
		case map[string]any:
			path, value = join(path, token), holder[token]
		case []any:
			path += "[" + token + "]"
			value = nil
			if i, err := strconv.Atoi(token); err == nil && i < len(holder) {
				value = holder[i]
			}
		default: // the holder itself was taken out before
			return path, nil
		}
	}
	return path, value
}

// take removes a value: a key vanishes, a list item becomes nil so that the others keep their index.
func (d *document) take(location []string) {
	if len(location) == 0 {
		return
	}
	last := location[len(location)-1]
	_, holder := d.find(location[:len(location)-1])
	switch holder := holder.(type) {
	case map[string]any:
		delete(holder, last)
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i < len(holder) {
			holder[i] = nil
		}
	}
}

// knownKeys lists the keys that the schema allows at a place, sorted.
func knownKeys(schema *jsonschema.Schema, location []string) []string {
	for _, token := range location {
		schema = deref(schema)
		if property, ok := schema.Properties[token]; ok {
			schema = property
		} else if schema.Items2020 != nil {
			schema = schema.Items2020
		} else if other, ok := schema.AdditionalProperties.(*jsonschema.Schema); ok {
			schema = other
		} else {
			return nil
		}
	}
	return slices.Sorted(maps.Keys(deref(schema).Properties))
}

func deref(schema *jsonschema.Schema) *jsonschema.Schema {
	for schema.Ref != nil {
		schema = schema.Ref
	}
	return schema
}

// nearest returns the known word that a misspelt one was probably meant to be, or "". At most a third of the letters may
// differ: further apart, a suggestion misleads more than it helps.
func nearest(word string, known []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, candidate := range known {
		if len(candidate) > 2*len(word) || len(word) > 2*len(candidate) {
			continue // also spares the work on a key that is a page long
		}
		if distance := editDistance(word, candidate); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
// Case does not count, since nodesubnet for nodeSubnet is the most usual slip.
func editDistance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	rows := make([][]int, len(a)+1) // rows[i][j]: between the first i letters of a and the first j of b
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
