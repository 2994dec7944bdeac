// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifferencesAreNamedByPathWithoutSecrets(t *testing.T) {
	before := map[string]any{
		"same": 1, "list": []any{1}, "gone": "x", "inner": map[string]any{"tag": "v1", "dotted.key": true},
		"adminPassword": "old", "env": []any{map[string]any{"name": "A", "token": "t"}}, "url": "http://x",
	}
	after := map[string]any{
		"same": 1, "list": []any{1, 2}, "inner": map[string]any{"tag": "v2"}, "added": map[string]any{"deep": 1.5},
		"adminPassword": "new", "env": []any{}, "url": "http://user:pw@x", "nothing": nil,
	}
	fields, err := compareFields(before, after)
	require.NoError(t, err)
	var lines []string
	for _, field := range fields {
		lines = append(lines, field.String())
	}
	require.Equal(t, []string{
		"+ added.deep: 1.5", "  adminPassword: (redacted) -> (redacted)", `  env: [{"name":"A","token":"(redacted)"}] -> []`,
		`- gone: "x"`, `- inner.dotted\.key: true`, `  inner.tag: "v1" -> "v2"`, "  list: [1] -> [1,2]", "+ nothing: null",
		`  url: "http://x" -> "(redacted)"`,
	}, lines)
	fields, err = compareFields(map[string]any{"a": 1, "b": map[string]any{}}, map[string]any{"a": 1.0, "b": map[string]any{}})
	require.NoError(t, err)
	require.Empty(t, fields, "a number is a number")
}
