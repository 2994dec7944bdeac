// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
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

// Whatever is asked for in whatever order, no tenant gives more than it has, nobody who was accepted loses its place, and all of a
// subtree together use no more than its bound, as each namespace uses what its quota allows.
func TestNobodyEverGivesMoreThanItHas(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tree := []tenant.Tenant{root()}
	tree[0].Bounds = bounds("cpu", "1000")
	namespaces := []string{"tenant-root"}

	for i := range 60 {
		parent := namespaces[random.IntN(len(namespaces))]
		name := fmt.Sprintf("t%d", i)
		tree = append(tree, tenant.Tenant{Namespace: parent, Name: name})
		namespaces = append(namespaces, tenant.Namespace(parent, name))
	}

	for range 200 {
		for range 5 {
			tree[random.IntN(len(tree))].Bounds = bounds("cpu", fmt.Sprint(random.IntN(400)))
		}

		before := len(settled(tree))
		resolved, _ := tenant.Resolve(tree)

		for _, one := range resolved {
			require.Empty(t, one.Quota.Overdrawn, one.Namespace)

			given := one.Quota.Given["cpu"]
			require.LessOrEqual(t, given.Cmp(one.Quota.Bounds["cpu"]), 0, one.Namespace)
		}

		unused := 0

		for i := range tree {
			namespace := tenant.RootNamespace
			if !tree[i].IsRoot() {
				namespace = tenant.Namespace(tree[i].Namespace, tree[i].Name)
			}

			if one, isAccepted := resolved[namespace]; isAccepted {
				tree[i].IsSettled, tree[i].Holds = true, maps.Clone(one.Quota.Bounds)

				own := one.Quota.Own()["cpu"]
				require.GreaterOrEqual(t, own.Cmp(tree[i].Uses["cpu"]), 0, "%s runs more than is left to it", namespace)
				tree[i].Uses = bounds("cpu", fmt.Sprint(random.Int64N(own.Value()+1)))

				if own.Cmp(tree[i].Uses["cpu"]) > 0 {
					unused++
				}
			}
		}

		requireWithin(t, tenant.RootNamespace, tree, resolved)
		require.Positive(t, unused, "there is something to ask for")

		require.GreaterOrEqual(t, len(settled(tree)), before)
		require.Len(t, resolved, len(settled(tree)))
	}
}

func settled(tree []tenant.Tenant) []string {
	var names []string
	for i := range tree {
		if tree[i].IsSettled {
			names = append(names, tree[i].Name)
		}
	}

	return names
}
