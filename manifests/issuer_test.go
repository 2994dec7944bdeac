// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCertificatesAreThePlatformsUnlessUsersSayOtherwise: an issuer that a site has not got would never issue anything.
func TestCertificatesAreThePlatformsUnlessUsersSayOtherwise(t *testing.T) {
	annotation := func(object map[string]any, path ...string) any {
		annotations, _ := at(object, path...).(map[string]any)
		return annotations["cert-manager.io/cluster-issuer"]
	}
	for chart, c := range map[string]struct {
		spec func(issuer string) map[string]any
		of   func(manifest string) any // the issuer; nil: no certificate is ordered
	}{
		"ingress": {
			func(issuer string) map[string]any { return map[string]any{"issuer": issuer} },
			func(manifest string) any {
				for _, object := range objects(t, manifest) {
					if object["kind"] == "Certificate" {
						return at(object, "spec", "issuerRef", "name")
					}
				}
				return nil
			},
		},
		"monitoring": {
			func(issuer string) map[string]any { return map[string]any{"grafana": map[string]any{"issuer": issuer}} },
			func(manifest string) any {
				return annotation(named(t, manifest, "Ingress", "grafana"), "metadata", "annotations")
			},
		},
		"seaweedfs": {
			func(issuer string) map[string]any { return map[string]any{"s3": map[string]any{"issuer": issuer}} },
			func(manifest string) any {
				return annotation(named(t, manifest, "Ingress", "seaweedfs-s3"), "metadata", "annotations")
			},
		},
	} {
		issuer := func(values map[string]any) any { return c.of(render(t, rendering{"", chart, "tenant-alpha", values})) }
		require.Equal(t, "custom-ca", issuer(ordered(chart, nil)), chart)
		require.Equal(t, "custom-ca", issuer(ordered(chart, c.spec(""))), chart)
		require.Equal(t, "mine", issuer(ordered(chart, c.spec("mine"))), chart)
		require.Nil(t, issuer(ordered(chart, c.spec("none"))), chart)

		silent := ordered(chart, nil)
		silent["_tenant"].(map[string]any)["issuer"] = ""
		require.Nil(t, issuer(silent), "%s: the platform has none", chart)
	}
}
