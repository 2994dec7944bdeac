// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// settledAt is a tenant that was accepted with these bounds.
func settledAt(namespace, name string, held tenant.Bounds) tenant.Tenant {
	return tenant.Tenant{Namespace: namespace, Name: name, IsSettled: true, Bounds: held, Holds: held}
}

func TestWhatATenantUsesItselfIsGivenToNobody(t *testing.T) {
	a, b := settledAt("tenant-root", "a", bounds("cpu", "10", "pods", "9")), settledAt("tenant-a", "b", bounds("cpu", "3", "pods", "0"))

	for name, tc := range map[string]struct {
		uses, asks string
		isNew      bool
		says       string // empty: it gets what it asks for
	}{
		"a new one, of what is used":   {"7", "1", true, `"1": 7 is left of what the tenant above may use, and the tenant above uses 7 of it itself`},
		"a new one, of what is free":   {"5", "2", true, ""},
		"a new one that takes nothing": {"8", "0", true, ""},
		"one that takes more":          {"6", "5", false, `"5": 7 is left of what the tenant above may use, beside the 3 that it has, and the tenant above uses 6 of it itself`},
		"one that takes what is free":  {"6", "4", false, ""},
		"one that stays as it is":      {"9", "3", false, ""},
		"one that takes less":          {"9", "2500m", false, ""},
	} {
		a.Uses = bounds("cpu", tc.uses)
		asking := b
		tree := []tenant.Tenant{root(), a}

		if tc.isNew {
			asking = tenant.Tenant{Namespace: "tenant-a", Name: "c"}
			tree = append(tree, b)
		}

		asking.Bounds = bounds("cpu", tc.asks, "pods", "0")
		resolved, refused := tenant.Resolve(append(tree, asking))
		require.Nil(t, resolved["tenant-a"].Quota.Declined, name)

		declined := resolved[tenant.Namespace("tenant-a", asking.Name)].Quota.Declined
		if len(refused) > 0 {
			require.True(t, tc.isNew, "%s: who was accepted stays so", name)

			declined = refused[0]
		}

		if tc.says == "" {
			require.Nil(t, declined, name)

			continue
		}

		require.NotNil(t, declined, name)
		require.Equal(t, tenant.QuotaExceeded, declined.Reason, name)
		require.Contains(t, declined.Error(), tc.says, name)
	}
}

// A namespace may use more than is left to it for a moment: pods that were started while a tenant below was accepted stay. The
// spec is not at fault then, and a higher bound is what mends it.
func TestABoundThatWasNotLoweredIsNotDeclinedForWhatIsUsed(t *testing.T) {
	a, b := settledAt("tenant-root", "a", bounds("cpu", "10")), settledAt("tenant-a", "b", bounds("cpu", "3"))
	a.Uses = bounds("cpu", "9")

	for asked, isDeclined := range map[string]bool{"10": false, "11": false, "9": true} {
		a.Bounds = bounds("cpu", asked)
		resolved, refused := tenant.Resolve([]tenant.Tenant{root(), a, b})
		require.Empty(t, refused)
		require.Equal(t, isDeclined, resolved["tenant-a"].Quota.Declined != nil, asked)
	}
}
