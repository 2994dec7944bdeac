// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// The example of the tenant system's documentation: foo runs etcd and monitoring, bar in it etcd, root all three.
func TestServicesComeFromTheNearestThatRunsThem(t *testing.T) {
	resolved := resolveAll(t,
		root(runs(tenant.Etcd, tenant.Monitoring, tenant.Ingress)),
		in("tenant-root", "foo", runs(tenant.Etcd, tenant.Monitoring)),
		in("tenant-foo", "bar", runs(tenant.Etcd)),
	)
	bar := resolved["tenant-foo-bar"].Services

	require.Equal(t, tenant.Provision{Source: tenant.Own, Namespace: "tenant-foo-bar"}, bar[tenant.Etcd])
	require.Equal(t, tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-foo"}, bar[tenant.Monitoring])
	require.Equal(t, tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}, bar[tenant.Ingress])
	require.Equal(t, tenant.Provision{Source: tenant.None}, bar[tenant.SeaweedFS])

	require.Equal(t, tenant.Dependents{Count: 1, First: []string{"tenant-foo-bar"}},
		resolved["tenant-foo"].Services[tenant.Monitoring].Dependents)
	require.Equal(t, tenant.Dependents{Count: 2, First: []string{"tenant-foo", "tenant-foo-bar"}},
		resolved["tenant-root"].Services[tenant.Ingress].Dependents)
	require.Zero(t, resolved["tenant-foo"].Services[tenant.Etcd].Dependents)
}

func TestNoServiceDanglesWhereNobodyRunsIt(t *testing.T) {
	for namespace, resolved := range resolveAll(t, root(), in("tenant-root", "foo"), in("tenant-foo", "bar")) {
		for service, provision := range resolved.Services {
			require.Equal(t, tenant.Provision{Source: tenant.None}, provision, "%v of %s", tenant.Service(service), namespace)
		}
	}
}

func TestTheFirstTenDependentsAreNamed(t *testing.T) {
	tree := []tenant.Tenant{root(runs(tenant.Ingress))}
	for i := range 25 {
		tree = append(tree, in("tenant-root", fmt.Sprintf("t%02d", 24-i)))
	}

	dependents := resolveAll(t, tree...)["tenant-root"].Services[tenant.Ingress].Dependents

	require.Equal(t, 25, dependents.Count)
	require.Len(t, dependents.First, 10)
	require.Equal(t, "tenant-t00", dependents.First[0])
	require.Equal(t, "tenant-t09", dependents.First[9])
}

func TestSchedulingClassOfTheParentWins(t *testing.T) {
	resolved := resolveAll(t, root(), in("tenant-root", "a", class("gold")), in("tenant-a", "b", class("tin")),
		in("tenant-root", "c"), in("tenant-c", "d", class("tin")))

	require.Empty(t, resolved["tenant-c"].SchedulingClass)
	require.Equal(t, "gold", resolved["tenant-a-b"].SchedulingClass)
	require.Equal(t, "tin", resolved["tenant-c-d"].SchedulingClass)
}

func TestPlaceInTheTree(t *testing.T) {
	resolved := resolveAll(t, in("tenant-alpha-beta", "gamma"), in("tenant-alpha", "beta"), in("tenant-root", "alpha"), root())

	top := resolved["tenant-root"]
	require.Equal(t, []any{0, "", "tenant-root"}, []any{top.Level(), top.Parent(), top.Namespace})

	gamma := resolved["tenant-alpha-beta-gamma"]
	require.Equal(t, "tenant-alpha-beta/gamma", gamma.Tenant.String())
	require.Equal(t, []string{"tenant-root", "tenant-alpha", "tenant-alpha-beta"}, gamma.Ancestors)
	require.Equal(t, []any{3, "tenant-alpha-beta"}, []any{gamma.Level(), gamma.Parent()})
}

func TestLabelsNameAncestorsAndProviders(t *testing.T) {
	resolved := resolveAll(t, root(runs(tenant.Ingress)), in("tenant-root", "foo"), in("tenant-foo", "bar", runs(tenant.Etcd)))

	require.Equal(t, map[string]string{
		"tenant.cozystack.io/tenant-root":    "",
		"tenant.cozystack.io/tenant-foo":     "",
		"tenant.cozystack.io/tenant-foo-bar": "",
		"namespace.cozystack.io/etcd":        "tenant-foo-bar",
		"etcd.cozystack.io/tenant-foo-bar":   "",
		"namespace.cozystack.io/ingress":     "tenant-root",
	}, resolved["tenant-foo-bar"].Labels())
	require.Equal(t, map[string]string{
		"tenant.cozystack.io/tenant-root": "", "namespace.cozystack.io/ingress": "tenant-root",
	}, resolved["tenant-root"].Labels())
}

func TestWhoHasNoPlaceInTheTreeIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		tree []tenant.Tenant
		want map[string]tenant.Reason
	}{
		"nothing at all": {nil, map[string]tenant.Reason{}},
		"no root": {
			[]tenant.Tenant{in("tenant-root", "a")},
			map[string]tenant.Reason{"tenant-root/a": tenant.ParentMissing},
		},
		"in a namespace of nobody": {
			[]tenant.Tenant{root(), in("default", "a")},
			map[string]tenant.Reason{"default/a": tenant.ParentMissing},
		},
		"below one that is not there": {
			[]tenant.Tenant{root(), in("tenant-a", "b"), in("tenant-a-b", "c")},
			map[string]tenant.Reason{"tenant-a/b": tenant.ParentMissing, "tenant-a-b/c": tenant.ParentMissing},
		},
		"below an illegal name, which has no namespace": {
			[]tenant.Tenant{root(), in("tenant-root", "a-b"), in("tenant-a-b", "c")},
			map[string]tenant.Reason{"tenant-root/a-b": tenant.NameInvalid, "tenant-a-b/c": tenant.ParentMissing},
		},
		"below one that is refused": {
			[]tenant.Tenant{root(), in("tenant-root", "a", host("org")), in("tenant-a", "b"), in("tenant-a-b", "c")},
			map[string]tenant.Reason{
				"tenant-root/a": tenant.HostTaken, "tenant-a/b": tenant.ParentNotAccepted,
				"tenant-a-b/c": tenant.ParentNotAccepted,
			},
		},
		"a second root": {
			[]tenant.Tenant{root(), in("tenant-root", "a"), in("tenant-a", "root")},
			map[string]tenant.Reason{"tenant-a/root": tenant.NameReserved},
		},
	} {
		t.Run(name, func(t *testing.T) {
			resolved, refused := tenant.Resolve(tc.tree)

			require.Equal(t, tc.want, reasonsOf(refused))
			require.Len(t, resolved, len(tc.tree)-len(refused))
		})
	}
}

// The namespace of a tenant that was accepted once must still be found after it is refused.
func TestRefusalsTellTheNamespaceWhereThereIsOne(t *testing.T) {
	_, refused := tenant.Resolve([]tenant.Tenant{root(), in("tenant-root", "a", host("org")), in("tenant-root", "b-c")})

	require.Len(t, refused, 2)
	require.Equal(t, "tenant-a", refused[0].Namespace)
	require.Empty(t, refused[1].Namespace)
}

// wide makes a tree of n tenants four levels deep below the root, the way a large installation looks.
func wide(n int) []tenant.Tenant {
	tree := []tenant.Tenant{root(runs(tenant.Etcd, tenant.Ingress))}
	namespaces := []string{tenant.RootNamespace}

	for i := 1; i < n; i++ {
		parent := namespaces[(i-1)/10]
		one := in(parent, fmt.Sprintf("t%d", i), born(i))
		one.Runs[tenant.Monitoring] = i%7 == 0
		tree = append(tree, one)
		namespaces = append(namespaces, tenant.Namespace(parent, one.Name))
	}

	return tree
}

func BenchmarkResolve(b *testing.B) {
	for _, size := range []int{100, 1_000, 10_000} {
		tree := wide(size)

		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				if resolved, _ := tenant.Resolve(tree); len(resolved) != size {
					b.Fatalf("got %d of %d tenants", len(resolved), size)
				}
			}
		})
	}
}

func TestNobodyComesBelowATenantThatIsBeingDeleted(t *testing.T) {
	accepted, refused := tenant.Resolve([]tenant.Tenant{
		{Namespace: tenant.RootNamespace, Name: tenant.RootName},
		{Namespace: tenant.RootNamespace, Name: "going", IsDeleting: true, IsSettled: true},
		{Namespace: "tenant-going", Name: "settled", IsSettled: true},
		{Namespace: "tenant-going", Name: "late"},
		{Namespace: "tenant-going-settled", Name: "later"},
		{Namespace: tenant.RootNamespace, Name: "beside"},
	})

	require.Len(t, accepted, 4, "what was there before goes in its turn")
	require.Len(t, refused, 2)

	for _, one := range refused {
		require.Equal(t, tenant.ParentDeleting, one.Reason)
		require.NotEmpty(t, one.Hint())
	}

	require.Equal(t, []string{"late", "later"}, []string{refused[0].Tenant.Name, refused[1].Tenant.Name})
}
