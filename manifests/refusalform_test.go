// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryRefusalNamesFieldValueAndRule looks at the text of each validation of each policy, so that none is forgotten. What they
// say in full is held to refusalForm wherever a test is refused.
func TestEveryRefusalNamesFieldValueAndRule(t *testing.T) {
	const field = `(metadata|spec|roleRef|subjects|secretReference)[A-Za-z.]*(\[[^]]+\])?`
	// Of a bound the chart writes the field as an expression.
	beginsWith := `(?s)^('` + field + `: "(' \+ .+ \+ '|[a-z]+)": .*|` + `'spec\.resourceQuotas' \+ \(variables\.([a-z]+)\[0\].* \+ ': "' \+ .* \+ '": ' \+ .*)`
	seen := 0
	for _, chart := range []string{"tenant-admission", "tenant-applications"} {
		for _, object := range objects(t, render(t, rendering{name: chart, chart: chart, namespace: "cozy-system"})) {
			if object["kind"] != "ValidatingAdmissionPolicy" {
				continue
			}
			name := at(object, "metadata", "name").(string)
			for i, one := range at(object, "spec", "validations").([]any) {
				title := fmt.Sprintf("%s, validation %d", name, i)
				validation := one.(map[string]any)
				if message, isFixed := validation["message"]; isFixed {
					require.Regexp(t, refusalForm, message, title)
				} else {
					require.Regexp(t, beginsWith, validation["messageExpression"], title)
					require.Regexp(t, `(?s)": .+; `, validation["messageExpression"], title)
				}
				require.Contains(t, []any{"Invalid", "Forbidden"}, validation["reason"], title)
				seen++
			}
		}
	}
	require.Greater(t, seen, 30)
}
