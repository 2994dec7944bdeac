// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile are texts that leave a scalar which is not quoted: for a document of their own, for a mapping that they stand in, and
// for a template.
var hostile = []string{
	"x\ninjected: y\n---\ninjected: z\n",
	"x, injected: y",
	`x"` + "\ninjected: \"y",
	`x{{ fail "templated" }}`,
}

// TestNoTextOfAUserBecomesMoreThanAText: Flux applies what a chart renders as an account that may do more than who ordered it, so
// whatever a user writes is a value, or refused by the schema.
func TestNoTextOfAUserBecomesMoreThanAText(t *testing.T) {
	for chart, base := range orderedBases() {
		t.Run(chart, func(t *testing.T) {
			places := texts(sourceOf(t, chart), nil)
			require.NotEmpty(t, places)
			for _, place := range places {
				for _, text := range hostile {
					values, _ := put(base.values, place, text).(map[string]any)
					staysAText(t, rendering{base.name, chart, "tenant-alpha", ordered(chart, values)}, place, text)
				}
			}
		})
	}
}

// orderedBases are values that have an element in each list and map where users write texts, by charts.
func orderedBases() map[string]rendering {
	pool := map[string]any{"diskType": "ssd"}
	group := map[string]any{"name": "md0", "minReplicas": 1, "maxReplicas": 2, "resources": map[string]any{"cpus": 2, "memory": "4Gi"}}
	return map[string]rendering{
		"etcd": {}, "monitoring": {}, "ingress": {},
		"postgres": {values: map[string]any{
			"users":     []any{map[string]any{"name": "one"}},
			"databases": []any{map[string]any{"name": "one", "extensions": []any{map[string]any{"name": "vector"}}}},
		}},
		"seaweedfs": inZones(map[string]any{"volume": map[string]any{
			"pools": map[string]any{"one": pool},
			"zones": map[string]any{"one": map[string]any{}, "b": map[string]any{}},
		}}),
		"kubernetes": {values: map[string]any{"nodeGroups": []any{group}}},
	}
}

// sourceOf is the schema of a chart as it is written.
func sourceOf(t *testing.T, chart string) map[string]any {
	t.Helper()
	source, err := os.ReadFile("charts/" + chart + "/" + schemaFile)
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, json.Unmarshal(source, &schema))
	return schema
}

// staysAText also takes a refusal, if it is for what stands at the place and for nothing else.
func staysAText(t *testing.T, r rendering, place []string, text string) {
	t.Helper()
	manifest, err := tryRender(t, r)
	if err == nil {
		for _, object := range objects(t, manifest) {
			require.False(t, hasKey(object, "injected"), "%v: %q", place, text)
		}
		return
	}
	bySchema := strings.Contains(err.Error(), "values don't meet the specifications of the schema")
	// What is quoted in a refusal is no message of the text's own fail.
	byChart := strings.Contains(err.Error(), "execution error at") && !strings.Contains(err.Error(), "): templated")
	require.True(t, bySchema || byChart, "%v: %q: %v", place, text, err)
	named := slices.DeleteFunc(slices.Clone(place), func(key string) bool { return key == item || key == anyKey || key == newKey })
	require.ErrorContains(t, err, named[len(named)-1], "%v: %q", place, text)
	require.NotContains(t, err.Error(), "missing propert", "%v: %q", place, text)
}

// Places in a schema that have no name.
const (
	item   = "ITEM"
	anyKey = "KEY"
	newKey = "KEY HERE"
)

// texts are the places of a schema where users write what they like, names of their own included.
func texts(schema map[string]any, place []string) [][]string {
	var found [][]string
	if schema["type"] == "string" && schema["enum"] == nil {
		found = append(found, place)
	}
	below := func(key string, inner any) {
		if inner, is := inner.(map[string]any); is {
			found = append(found, texts(inner, append(slices.Clone(place), key))...)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, inner := range properties {
		if key != "_tenant" {
			below(key, inner)
		}
	}
	below(item, schema["items"])
	if inner, is := schema["additionalProperties"].(map[string]any); is {
		below(anyKey, inner)
		found = append(found, append(slices.Clone(place), newKey))
	}
	return found
}

// put writes a text at a place of values, and leaves these as they are.
func put(value any, place []string, text string) any {
	if len(place) == 0 {
		return text
	}
	switch key := place[0]; key {
	case item:
		items, _ := value.([]any)
		var first any
		if len(items) > 0 {
			first = items[0]
		}
		return []any{put(first, place[1:], text)}
	case newKey:
		return map[string]any{text: "x"}
	default:
		inner, _ := value.(map[string]any)
		inner = maps.Clone(inner)
		if inner == nil {
			inner = map[string]any{}
		}
		if key == anyKey {
			key = "one"
		}
		inner[key] = put(inner[key], place[1:], text)
		return inner
	}
}

func hasKey(value any, key string) bool {
	switch value := value.(type) {
	case map[string]any:
		for k, inner := range value {
			if k == key || hasKey(inner, key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, func(inner any) bool { return hasKey(inner, key) })
	}
	return false
}
