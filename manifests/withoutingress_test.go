// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddressesAreGivenOnlyWhereAnIngressServesThem: one that nobody answers at is worse than none.
func TestAddressesAreGivenOnlyWhereAnIngressServesThem(t *testing.T) {
	for _, name := range []string{"seaweedfs", "monitoring"} {
		r := rendering{name, name, "tenant-alpha", ordered(name, nil)}
		require.Contains(t, render(t, r), "https://", name)

		context, isContext := r.values["_tenant"].(map[string]any)
		require.True(t, isContext)
		context["services"].(map[string]any)["ingress"] = ""
		require.NotContains(t, render(t, r), "https://", name)
	}
}
