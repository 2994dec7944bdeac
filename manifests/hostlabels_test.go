// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// TestHostLabelsAreNoNamesOfTenants: what services publish right below a tenant's host is kept from being the name of a tenant, and what
// applications do is the name of a release, with a dash that no tenant's name has.
func TestHostLabelsAreNoNamesOfTenants(t *testing.T) {
	published := regexp.MustCompile(`([a-z0-9-]+)\.alpha\.example\.org`)
	seen := map[string]bool{}

	for _, definition := range definitions(t) {
		if definition.Spec.Service == "" {
			require.True(t, strings.HasSuffix(definition.Spec.Release.Prefix, "-"), definition.Name)

			continue
		}

		for _, one := range applicationRenderings() {
			if one.chart != definition.Spec.Release.Chart.Name {
				continue
			}

			for _, match := range published.FindAllStringSubmatch(render(t, one), -1) {
				seen[match[1]] = true
				require.Contains(t, tenant.ReservedNames(), match[1], "%s publishes it below the tenant's host", one.name)
			}
		}
	}

	for _, label := range []string{"grafana", "s3"} {
		require.True(t, seen[label], "nothing publishes %s", label)
	}
}
