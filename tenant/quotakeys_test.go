// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

func TestBoundsThatNoNamespaceCanHaveAreRefused(t *testing.T) {
	const unknown, negative, broken = "is nothing that can be bounded", "a bound is never negative", "bounded by a whole number"

	for _, tc := range []struct{ key, amount, says string }{
		{"cpu", "500m", ""},
		{"limits.cpu", "0", ""},
		{"requests.storage", "1Ti", ""},
		{"memory", "1.5Gi", ""},
		{"hugepages-2Mi", "64Mi", ""},
		{"pods", "100", ""},
		{"services.loadbalancers", "2", ""},
		{"count/postgreses.apps.cozystack.io", "3", ""},
		{"nvidia.com/gpu", "2", ""},
		{"requests.nvidia.com/gpu", "1k", ""},
		{"gold.storageclass.storage.k8s.io/requests.storage", "1Ti", ""},
		{"apples", "1", `spec.resourceQuotas.apples: "1": apples ` + unknown},
		{"CPU", "1", unknown},
		{"limits.storage", "1", `spec.resourceQuotas[limits.storage]: "1": limits.storage ` + unknown},
		{"limits.nvidia.com/gpu", "1", unknown},
		{"count/", "1", unknown},
		{"gpu/nvidia", "1", unknown},
		{"nvidia.com/", "1", unknown},
		{"", "1", unknown},
		{strings.Repeat("a.", 120) + "b/c", "1", unknown},
		{"cpu", "-1", `spec.resourceQuotas.cpu: "-1": ` + negative},
		{"pods", "-1", negative},
		{"pods", "500m", `spec.resourceQuotas.pods: "500m": what is counted is ` + broken},
		{"count/secrets", "1.5", broken},
		{"nvidia.com/gpu", "500m", broken},
		{"pods", "10P", broken},
	} {
		_, refused := tenant.Resolve([]tenant.Tenant{root(), {Namespace: "tenant-root", Name: "a", Bounds: bounds(tc.key, tc.amount)}})
		if tc.says == "" {
			require.Empty(t, refused, tc.key)

			continue
		}

		require.Len(t, refused, 1, tc.key)
		require.Equal(t, tenant.QuotaInvalid, refused[0].Reason, tc.key)
		require.Contains(t, refused[0].Error(), tc.says)
		require.NotEmpty(t, refused[0].Hint(), tc.key)
	}
}

func TestATenantKeepsItsBoundsWhereNewOnesAreNone(t *testing.T) {
	resolved, refused := tenant.Resolve([]tenant.Tenant{root(), {
		Namespace: "tenant-root", Name: "a", IsSettled: true, Bounds: bounds("cpu", "1", "apples", "1"), Holds: bounds("cpu", "2"),
	}})
	require.Empty(t, refused)
	require.Equal(t, tenant.QuotaInvalid, resolved["tenant-a"].Quota.Declined.Reason)
	require.Equal(t, map[string]string{"cpu": "2"}, written(resolved["tenant-a"].Quota.Bounds))
}
