// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cozystack/cozy-install/tenant"
)

// bounds reads pairs of keys and quantities.
func bounds(pairs ...string) tenant.Bounds {
	all := tenant.Bounds{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = resource.MustParse(pairs[i+1])
	}

	return all
}

func written(amounts map[string]resource.Quantity) map[string]string {
	all := map[string]string{}
	for key, amount := range amounts {
		all[key] = amount.String()
	}

	return all
}

func TestKeysBoundRequestsAndLimits(t *testing.T) {
	for _, tc := range []struct {
		bounds tenant.Bounds
		hard   map[string]string
	}{
		{bounds("cpu", "4"), map[string]string{"requests.cpu": "4", "limits.cpu": "4"}},
		{bounds("memory", "8Gi"), map[string]string{"requests.memory": "8Gi", "limits.memory": "8Gi"}},
		{bounds("ephemeral-storage", "1Gi"), map[string]string{"requests.ephemeral-storage": "1Gi", "limits.ephemeral-storage": "1Gi"}},
		{bounds("storage", "1Ti"), map[string]string{"requests.storage": "1Ti"}},
		{bounds("pods", "100"), map[string]string{"pods": "100"}},
		{bounds("services.loadbalancers", "2"), map[string]string{"services.loadbalancers": "2"}},
		{bounds("nvidia.com/gpu", "2"), map[string]string{"requests.nvidia.com/gpu": "2"}},
		{bounds("requests.nvidia.com/gpu", "2"), map[string]string{"requests.nvidia.com/gpu": "2"}},
		{bounds("gold.storageclass.storage.k8s.io/requests.storage", "1Ti"), map[string]string{"gold.storageclass.storage.k8s.io/requests.storage": "1Ti"}},
		{bounds("count/secrets", "9"), map[string]string{"count/secrets": "9"}},
		{bounds("cpu", "4", "limits.cpu", "8"), map[string]string{"requests.cpu": "4", "limits.cpu": "4"}},
		{bounds("cpu", "4", "requests.cpu", "2"), map[string]string{"requests.cpu": "2", "limits.cpu": "4"}},
		{nil, map[string]string{}},
	} {
		require.Equal(t, tc.hard, written(tc.bounds.Hard()), tc.bounds)
	}
}

func TestNamespaceGetsWhatIsNotGivenToTheTenantsBelow(t *testing.T) {
	resolved, refused := tenant.Resolve([]tenant.Tenant{
		root(),
		{Namespace: "tenant-root", Name: "a", Bounds: bounds("cpu", "10", "pods", "50")},
		{Namespace: "tenant-a", Name: "b", Bounds: bounds("cpu", "3", "pods", "20")},
		{Namespace: "tenant-a", Name: "c", Bounds: bounds("cpu", "500m", "pods", "5", "memory", "1Gi")},
		{Namespace: "tenant-a-b", Name: "d", Bounds: bounds("cpu", "3", "pods", "1")},
	})
	require.Empty(t, refused)
	require.Equal(t, map[string]string{"cpu": "6500m", "pods": "25"}, written(resolved["tenant-a"].Quota.Own()))
	require.Equal(t, map[string]string{"cpu": "3500m", "pods": "25"}, written(resolved["tenant-a"].Quota.Given))
	require.Equal(t, map[string]string{"cpu": "0", "pods": "19"}, written(resolved["tenant-a-b"].Quota.Own()))
	require.Equal(t, map[string]string{"cpu": "500m", "pods": "5", "memory": "1Gi"}, written(resolved["tenant-a-c"].Quota.Own()))
	require.Empty(t, resolved["tenant-root"].Quota.Own())
}

func TestATenantThatDoesNotFitIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		child  tenant.Bounds
		reason tenant.Reason
		says   string
	}{
		"a bound is missing":   {bounds("cpu", "1"), tenant.QuotaMissing, `spec.resourceQuotas.memory: "": the tenant above bounds memory`},
		"more than is left":    {bounds("cpu", "9", "memory", "1Gi"), tenant.QuotaExceeded, `"9": 8 is left of what the tenant above may use`},
		"all that is left":     {bounds("cpu", "8", "memory", "1Gi"), "", ""},
		"a key of its own too": {bounds("cpu", "8", "memory", "1Gi", "pods", "1"), "", ""},
	} {
		_, refused := tenant.Resolve([]tenant.Tenant{
			root(),
			{Namespace: "tenant-root", Name: "a", Bounds: bounds("cpu", "10", "memory", "8Gi")},
			{Namespace: "tenant-a", Name: "b", Bounds: bounds("cpu", "2", "memory", "1Gi")},
			{Namespace: "tenant-a", Name: "c", Bounds: tc.child},
		})
		if tc.reason == "" {
			require.Empty(t, refused, name)

			continue
		}

		require.Len(t, refused, 1, name)
		require.Equal(t, tc.reason, refused[0].Reason, name)
		require.Contains(t, refused[0].Error(), tc.says, name)
		require.NotEmpty(t, refused[0].Hint(), name)
	}
}

func TestATenantThatWasAcceptedKeepsItsBoundsWhereNewOnesDoNotFit(t *testing.T) {
	a := tenant.Tenant{Namespace: "tenant-root", Name: "a", IsSettled: true, Bounds: bounds("cpu", "10"), Holds: bounds("cpu", "10")}
	b := tenant.Tenant{Namespace: "tenant-a", Name: "b", IsSettled: true, Bounds: bounds("cpu", "4"), Holds: bounds("cpu", "4")}
	c := tenant.Tenant{Namespace: "tenant-a", Name: "c", IsSettled: true, Bounds: bounds("cpu", "4"), Holds: bounds("cpu", "4")}
	one := func(change func()) map[string]tenant.Resolved {
		saved := []tenant.Tenant{a, b, c}
		change()

		resolved, refused := tenant.Resolve([]tenant.Tenant{root(), a, b, c})
		require.Empty(t, refused)

		a, b, c = saved[0], saved[1], saved[2]

		return resolved
	}

	raised := one(func() { b.Bounds = bounds("cpu", "7") })["tenant-a-b"].Quota
	require.Equal(t, tenant.QuotaExceeded, raised.Declined.Reason)
	require.Contains(t, raised.Declined.Error(), `"7": 2 is left of what the tenant above may use, beside the 4 that it has`)
	require.Equal(t, map[string]string{"cpu": "4"}, written(raised.Bounds))

	lowered := one(func() { a.Bounds = bounds("cpu", "7") })["tenant-a"].Quota
	require.Equal(t, tenant.QuotaBelowUse, lowered.Declined.Reason)
	require.Equal(t, map[string]string{"cpu": "2"}, written(lowered.Own()))

	used := one(func() { a.Bounds, a.Uses = bounds("cpu", "9"), bounds("cpu", "1500m") })["tenant-a"].Quota
	require.Contains(t, used.Declined.Error(), "1500m is used in its own namespace and 8 is given")

	unbounded := one(func() { a.Bounds = bounds("cpu", "10", "pods", "9") })["tenant-a"].Quota
	require.Contains(t, unbounded.Declined.Error(), "tenant b below it has no bound of pods")

	freed := one(func() { a.Bounds = nil })["tenant-a"].Quota
	require.Nil(t, freed.Declined)
	require.Empty(t, freed.Own())

	moved := one(func() { b.Bounds, c.Bounds = bounds("cpu", "6"), bounds("cpu", "5") })
	require.Nil(t, moved["tenant-a-b"].Quota.Declined, "the first in order takes what is free")
	require.NotNil(t, moved["tenant-a-c"].Quota.Declined)
}
