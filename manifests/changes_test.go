// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChangesThatCantBeMadeAreRefused also where a field is set for the first time, or taken out: it had its default before, or has it then.
func TestChangesThatCantBeMadeAreRefused(t *testing.T) {
	network := func(key, value string) map[string]any { return map[string]any{"network": map[string]any{key: value}} }
	version := func(value any) map[string]any { return map[string]any{"version": value} }
	class := func(value string) map[string]any { return map[string]any{"storageClass": value} }
	size := func(value string) map[string]any { return map[string]any{"size": value} }
	none := map[string]any{}

	for name, c := range map[string]struct {
		chart         string
		before, after map[string]any
		says          string // empty: it is taken
	}{
		"a step up":           {"kubernetes", version("1.32"), version("1.33"), ""},
		"a step up, unsaid":   {"kubernetes", version("1.33"), none, ""},
		"two steps up":        {"kubernetes", version("1.32"), version("1.34"), `spec.version: Invalid value: "1.34": goes up one step at a time`},
		"two, unsaid":         {"kubernetes", version("1.32"), none, `"1.34": goes up one step at a time, and never down; it is 1.32`},
		"down":                {"kubernetes", none, version("1.33"), `"1.33": goes up one step at a time, and never down; it is 1.34`},
		"pods, late":          {"kubernetes", none, network("pods", "10.1.0.0/16"), `spec.network.pods: Invalid value: "10.1.0.0/16": can't be changed later`},
		"pods, no more":       {"kubernetes", network("pods", "10.1.0.0/16"), none, `"10.243.0.0/16": can't be changed later`},
		"pods as they are":    {"kubernetes", none, network("pods", "10.243.0.0/16"), ""},
		"services":            {"kubernetes", none, network("services", "10.1.0.0/16"), `spec.network.services: Invalid value: "10.1.0.0/16"`},
		"class of Postgres":   {"postgres", none, class("local"), `spec.storageClass: Invalid value: "local": the class`},
		"class, no more":      {"postgres", class("local"), none, `spec.storageClass: Invalid value: "": the class`},
		"a newer Postgres":    {"postgres", version(int64(16)), version(int64(17)), ""},
		"an older Postgres":   {"postgres", none, version(int64(17)), `spec.version: Invalid value: "17": a lower version than before`},
		"more room":           {"postgres", none, size("20Gi"), ""},
		"more, in other unit": {"postgres", size("10Gi"), size("1Ti"), ""},
		"less room":           {"postgres", size("20Gi"), none, `spec.size: Invalid value: "10Gi": volumes can grow, and not shrink`},
		"class of etcd":       {"etcd", none, class("local"), `spec.storageClass: Invalid value: "local": the class`},
		"class of monitoring": {"monitoring", class("a"), class("b"), `spec.storageClass: Invalid value: "b": the class`},
	} {
		t.Run(name, func(t *testing.T) { changesOf(t, c.chart)(t, c.before, c.after, c.says) })
	}
}

// TestEachVersionOfKubernetesHasItsStep: the rule knows them by itself, and would fail for one that it does not know.
func TestEachVersionOfKubernetesHasItsStep(t *testing.T) {
	source, err := os.ReadFile("charts/kubernetes/" + schemaFile)
	require.NoError(t, err)
	var schema struct {
		Properties struct {
			Version struct{ Enum []string }
		}
	}
	require.NoError(t, json.Unmarshal(source, &schema))
	require.NotEmpty(t, schema.Properties.Version.Enum)
	for _, version := range schema.Properties.Version.Enum {
		said := map[string]any{"version": version}
		changesOf(t, "kubernetes")(t, said, said, "")
	}
}
