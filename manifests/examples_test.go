// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// TestDocumentedObjectsAreTaken: what docs/tenants.md tells people to order is what the kinds and charts know.
func TestDocumentedObjectsAreTaken(t *testing.T) {
	text, err := os.ReadFile("../docs/tenants.md")
	require.NoError(t, err)

	charts := map[string]string{}
	for _, one := range definitions(t) {
		charts[one.Spec.Application.Kind] = one.Spec.Release.Chart.Name
	}

	seen := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for document := range strings.SplitSeq(block[1], "\n---\n") {
			var object struct {
				Kind     string
				Metadata struct{ Namespace, Name string }
				Spec     map[string]any
			}
			require.NoError(t, yaml.Unmarshal([]byte(document), &object))
			seen[object.Kind] = true

			switch object.Kind {
			case "Tenant":
				require.NoError(t, yaml.UnmarshalStrict([]byte(document), &v1alpha1.Tenant{}))
			case "HelmRelease":
				values, _ := object.Spec["values"].(map[string]any)
				render(t, rendering{object.Metadata.Name, "tenant", object.Metadata.Namespace, values})
			default:
				require.Contains(t, charts, object.Kind)
				chart := charts[object.Kind]
				render(t, rendering{chart, chart, object.Metadata.Namespace, ordered(chart+"-"+object.Metadata.Name, object.Spec)})
			}
		}
	}

	for _, kind := range []string{"Tenant", "HelmRelease", "Postgres", "Kubernetes"} {
		require.True(t, seen[kind], "%s is not shown", kind)
	}
}
