// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kindFollows: a definition that changes, as with a new version of its chart, changes the kind, and takes nothing away from
// objects.
func (w *world) kindFollows(t *testing.T, version string) {
	t.Helper()

	const was, is = `"label": {"type": "string"}`, `"label": {"type": "string", "maxLength": 17}`

	changed := strings.Replace(depots(version), was, is, 1)
	require.NotEqual(t, depots(version), changed)
	w.applyYAML(t, changed)
	w.await(t, func() bool {
		text, err := json.Marshal(w.find(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "depots.apps.cozystack.io").Object)
		require.NoError(t, err)

		return strings.Contains(string(text), `"maxLength":17`)
	}, func() string { return "a kind does not follow its definition" })
	w.awaitPublished(t, "depot", "Published")
}
