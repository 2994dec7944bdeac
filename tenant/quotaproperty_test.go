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

// forest is a tree of tenants as it stands after each pass over it.
type forest struct {
	random *rand.Rand
	tree   []tenant.Tenant
	// own is what the quota of each namespace says. That of a refused tenant stays as it was.
	own map[string]resource.Quantity
}

// Whatever is asked for in whatever order, and whoever is refused meanwhile and accepted again, no tenant gives more than it has,
// nobody who was accepted loses what it has, and all of a subtree together use no more than its bound, as each namespace uses what its
// quota allows.
func TestNobodyEverGivesMoreThanItHas(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	f := forest{random: random, tree: []tenant.Tenant{root()}, own: map[string]resource.Quantity{}}
	f.tree[0].Bounds = bounds("cpu", "1000")
	namespaces := []string{"tenant-root"}

	for i := range 60 {
		parent := namespaces[random.IntN(len(namespaces))]
		name := fmt.Sprintf("t%d", i)
		f.tree = append(f.tree, tenant.Tenant{Namespace: parent, Name: name})
		namespaces = append(namespaces, tenant.Namespace(parent, name))
	}

	again, lapsed := 0, 0

	for range 400 {
		for range 5 {
			f.tree[random.IntN(len(f.tree))].Bounds = bounds("cpu", fmt.Sprint(random.IntN(400)))
		}

		for i := 1; i < len(f.tree); i++ { // one in twenty has a host that no tenant can have, for four passes on average
			switch isWrong := f.tree[i].Host != ""; {
			case isWrong && random.IntN(4) == 0:
				f.tree[i].Host = ""
			case !isWrong && random.IntN(80) == 0:
				f.tree[i].Host = "10.0.0.1"
			}
		}

		resolved, refused := tenant.Resolve(f.tree)
		again += f.take(t, resolved, refused)
		lapsed += f.use(t)
		f.within(t, tenant.RootNamespace)
	}

	require.Positive(t, again, "some were accepted again")
	require.Positive(t, lapsed, "some used more while they were refused")
}

// take checks an answer and has the tree stand as it says. It returns how many were accepted again.
func (f forest) take(t *testing.T, resolved map[string]tenant.Resolved, refused []*tenant.Refusal) (again int) {
	t.Helper()

	holds := map[string]*tenant.Quota{}
	for _, refusal := range refused {
		holds[refusal.Tenant.String()] = refusal.Holds
	}

	for i := range f.tree {
		one := &f.tree[i]
		found, isAccepted := resolved[spaceOf(*one)]

		if !isAccepted {
			held := holds[one.Key().String()]
			require.Equal(t, one.IsSettled || one.WasSettled, held != nil, one.Name)

			if held != nil {
				require.Equal(t, written(one.Holds), written(held.Bounds), "%s lost what it had", one.Name)
			}

			one.IsSettled, one.WasSettled = false, held != nil

			continue
		}

		if one.WasSettled {
			again++
		}

		given := found.Quota.Given["cpu"]
		require.Empty(t, found.Quota.Overdrawn, one.Name)
		require.LessOrEqual(t, given.Cmp(found.Quota.Bounds["cpu"]), 0, one.Name)

		f.own[spaceOf(*one)] = found.Quota.Own()["cpu"]
		one.IsSettled, one.WasSettled, one.Holds = true, false, maps.Clone(found.Quota.Bounds)
	}

	return again
}

// use has each namespace use what its quota allows, or less. It returns how many of those that use something are refused.
func (f forest) use(t *testing.T) (lapsed int) {
	t.Helper()

	unused := 0

	for i := range f.tree {
		own, hasQuota := f.own[spaceOf(f.tree[i])]
		if !hasQuota {
			continue
		}

		require.GreaterOrEqual(t, own.Cmp(f.tree[i].Uses["cpu"]), 0, "%s runs more than is left to it", f.tree[i].Name)
		f.tree[i].Uses = bounds("cpu", fmt.Sprint(f.random.Int64N(own.Value()+1)))

		used := f.tree[i].Uses["cpu"]
		if own.Cmp(used) > 0 {
			unused++
		}

		if f.tree[i].WasSettled && !used.IsZero() {
			lapsed++
		}
	}

	require.Positive(t, unused, "there is something to ask for")

	return lapsed
}

// within checks that what a tenant and all below it use is within its bound, and returns how much that is.
func (f forest) within(t *testing.T, namespace string) resource.Quantity {
	t.Helper()

	var sum, bound resource.Quantity

	for i := range f.tree {
		switch below := spaceOf(f.tree[i]); {
		case below == namespace:
			sum.Add(f.tree[i].Uses["cpu"])
			bound = f.tree[i].Holds["cpu"]
		case f.tree[i].Namespace == namespace && (f.tree[i].IsSettled || f.tree[i].WasSettled):
			sum.Add(f.within(t, below))
		}
	}

	require.LessOrEqual(t, sum.Cmp(bound), 0, "%s uses %s", namespace, sum.String())

	return sum
}

func spaceOf(t tenant.Tenant) string {
	if t.IsRoot() {
		return tenant.RootNamespace
	}

	return tenant.Namespace(t.Namespace, t.Name)
}

// lapsedAt is a tenant that was accepted with these bounds, and refused since.
func lapsedAt(namespace, name string, held tenant.Bounds) tenant.Tenant {
	return tenant.Tenant{Namespace: namespace, Name: name, WasSettled: true, Bounds: held, Holds: held}
}

func TestWhatARefusedTenantHasIsGivenToNobody(t *testing.T) {
	a := settledAt("tenant-root", "a", bounds("cpu", "10"))
	late := tenant.Tenant{Namespace: "tenant-a", Name: "late", Bounds: bounds("cpu", "5")}

	for name, b := range map[string]tenant.Tenant{
		"a wrong host":            {Namespace: "tenant-a", Name: "b", Host: "10.0.0.1"},
		"a name that is none now": {Namespace: "tenant-a", Name: "grafana"},
	} {
		b.WasSettled, b.Bounds, b.Holds = true, bounds("cpu", "0"), bounds("cpu", "8")
		resolved, refused := tenant.Resolve([]tenant.Tenant{root(), a, b, late})
		require.Len(t, refused, 2, name)
		require.Equal(t, map[string]string{"cpu": "2"}, written(resolved["tenant-a"].Quota.Own()), name)

		for _, refusal := range refused {
			if refusal.Tenant == late.Key() {
				require.Contains(t, refusal.Error(), `"5": 2 is left of what the tenant above may use`, name)
				require.Nil(t, refusal.Holds, name)
			} else {
				require.Equal(t, map[string]string{"cpu": "8"}, written(refusal.Holds.Bounds), name)
			}
		}
	}
}

func TestARefusedTenantIsAcceptedAgainWithWhatItHas(t *testing.T) {
	a, b := settledAt("tenant-root", "a", bounds("cpu", "10")), lapsedAt("tenant-a", "b", bounds("cpu", "8"))
	a.Uses = bounds("cpu", "2")
	c := lapsedAt("tenant-a-b", "c", bounds("cpu", "7"))

	for asked, holds := range map[string]string{"8": "8", "7": "7", "6": "8", "9": "8"} { // 7 are given, and 8 all there is
		b.Bounds = bounds("cpu", asked)
		resolved, refused := tenant.Resolve([]tenant.Tenant{root(), a, b, c})
		require.Empty(t, refused, asked)
		require.Equal(t, map[string]string{"cpu": holds}, written(resolved["tenant-a-b"].Quota.Bounds), asked)
		require.Equal(t, asked != holds, resolved["tenant-a-b"].Quota.Declined != nil, asked)
		require.Equal(t, map[string]string{"cpu": holds}, written(resolved["tenant-a"].Quota.Given), asked)
	}
}

// TestATenantWhoseNameWasReservedLaterKeepsItsPlace: what is below it is there, and no orphan.
func TestATenantWhoseNameWasReservedLaterKeepsItsPlace(t *testing.T) {
	a, b := settledAt("tenant-root", "a", bounds("cpu", "10")), settledAt("tenant-a", "kubernetes", bounds("cpu", "8"))
	c, late := settledAt("tenant-a-kubernetes", "c", bounds("cpu", "3")), tenant.Tenant{Namespace: "tenant-a-kubernetes", Name: "late"}

	_, refused := tenant.Resolve([]tenant.Tenant{root(), a, b, c, late})
	require.Len(t, refused, 3)

	for _, refusal := range refused {
		if refusal.Tenant != b.Key() {
			require.Equal(t, tenant.ParentNotAccepted, refusal.Reason, refusal.Tenant.String())

			continue
		}

		require.Equal(t, tenant.NameReserved, refusal.Reason)
		require.Equal(t, map[string]string{"cpu": "8"}, written(refusal.Holds.Bounds))
		require.Equal(t, map[string]string{"cpu": "3"}, written(refusal.Holds.Given))
	}
}

// What runs there is bounded by nothing, and nothing bounds it before the tenant is accepted.
func TestNothingIsBoundedAboveARefusedTenantThatHasNoBound(t *testing.T) {
	a, b := settledAt("tenant-root", "a", nil), lapsedAt("tenant-a", "b", nil)
	a.Bounds, b.Host = bounds("cpu", "10"), "10.0.0.1"

	resolved, _ := tenant.Resolve([]tenant.Tenant{root(), a, b})
	declined := resolved["tenant-a"].Quota.Declined
	require.Contains(t, declined.Error(), "tenant b below it has no bound of cpu")
	require.Contains(t, declined.Hint(), "mend what tenant b is refused for")
}
