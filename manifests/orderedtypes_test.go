// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestTextsOfUsersStayTexts: YAML takes some for a number, a truth or nothing where they are not quoted, and users may call a
// class of volumes so.
func TestTextsOfUsersStayTexts(t *testing.T) {
	bases := orderedBases()
	backup := map[string]any{"enabled": true, "destination": "s3://a"}
	bases["postgres"].values["backup"], bases["postgres"].values["restore"] = backup, map[string]any{"server": "old"}
	small := map[string]any{"name": "md0", "minReplicas": 1, "maxReplicas": 2, "instanceType": "small"}
	for _, c := range []struct {
		chart  string
		values map[string]any
	}{
		{"etcd", nil},
		{"monitoring", nil},
		{"ingress", nil},
		{"postgres", bases["postgres"].values},
		{"seaweedfs", bases["seaweedfs"].values},
		{"kubernetes", bases["kubernetes"].values},
		{"kubernetes", map[string]any{"nodeGroups": []any{small}}},
	} {
		t.Run(c.chart, func(t *testing.T) {
			schema := sourceOf(t, c.chart)
			var tried int
			for _, place := range texts(schema, nil) {
				tried += staysOfItsType(t, rendering{bases[c.chart].name, c.chart, "tenant-alpha", c.values}, schema, place)
			}
			require.Positive(t, tried)
		})
	}
}

// TestNamesOfApplicationsStayTexts: an application may be called 1, and what it is called is a label.
func TestNamesOfApplicationsStayTexts(t *testing.T) {
	bases := orderedBases()
	for chart, base := range bases {
		with := func(name string) []any {
			values := ordered(chart, base.values)
			values["_tenant"].(map[string]any)["application"] = map[string]any{"kind": "Kind", "name": name}
			return documents(t, render(t, rendering{base.name, chart, "tenant-alpha", values}))
		}
		for _, name := range misread {
			haveTypesOf(t, with("plain"), with(name), chart+": "+name)
		}
	}
}

// misread are texts that YAML takes for something else.
var misread = []string{"1", "true", "null"}

// staysOfItsType compares renderings with such texts to that with a plain one, and returns how
// many of them the chart takes.
func staysOfItsType(t *testing.T, r rendering, schema map[string]any, place []string) int {
	t.Helper()
	with := func(text string) []any {
		if !taken(schema, place, text) {
			return nil
		}
		values, _ := put(r.values, place, text).(map[string]any)
		manifest, err := tryRender(t, rendering{r.name, r.chart, r.namespace, ordered(r.chart, values)})
		if err != nil {
			return nil
		}
		return documents(t, manifest)
	}
	plain := with("plain")
	if plain == nil {
		return 0
	}
	var tried int
	for _, text := range misread {
		if got := with(text); got != nil {
			tried++
			haveTypesOf(t, plain, got, strings.Join(place, ".")+": "+text)
		}
	}
	return tried
}

// taken says whether a schema takes a text at a place, so that not all are rendered.
func taken(schema map[string]any, place []string, text string) bool {
	for _, key := range place {
		var inner any
		switch key {
		case item:
			inner = schema["items"]
		case anyKey:
			inner = schema["additionalProperties"]
		case newKey:
			return true
		default:
			properties, _ := schema["properties"].(map[string]any)
			inner = properties[key]
		}
		schema, _ = inner.(map[string]any)
	}
	pattern, _ := schema["pattern"].(string)
	return regexp.MustCompile(pattern).MatchString(text)
}

// haveTypesOf demands a text where the plain rendering has one, also in objects that are the text of another one.
func haveTypesOf(t *testing.T, plain, got any, where string) {
	t.Helper()
	switch plain := plain.(type) {
	case map[string]any:
		inner, _ := got.(map[string]any)
		for key := range plain {
			if value, isThere := inner[key]; isThere {
				haveTypesOf(t, plain[key], value, where+", "+key)
			}
		}
	case []any:
		inner, _ := got.([]any)
		for i := range min(len(plain), len(inner)) {
			haveTypesOf(t, plain[i], inner[i], where)
		}
	case string:
		require.IsType(t, plain, got, where)
		if strings.Contains(plain, "apiVersion: ") {
			haveTypesOf(t, documents(t, plain), documents(t, got.(string)), where)
		}
	}
}

// documents are the objects of a manifest, in its order.
func documents(t *testing.T, manifest string) []any {
	t.Helper()
	var out []any
	for _, document := range strings.Split("\n"+manifest, "\n---") {
		var object any
		require.NoError(t, yaml.Unmarshal([]byte(document), &object), document)
		out = append(out, object)
	}
	return out
}
