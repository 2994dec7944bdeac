// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

func use(name string, service tenant.Service, provider string) change {
	return func(t *tenant.Tenant) {
		t.Applications = append(t.Applications, tenant.Usage{Name: name, Service: service, Provider: provider})
	}
}

func TestApplicationsStayOnTheEtcdTheyWereMadeOn(t *testing.T) {
	resolved := resolveAll(t, root(runs(tenant.Etcd)), in("tenant-root", "a", runs(tenant.Etcd)),
		in("tenant-a", "b", runs(tenant.Etcd),
			use("Kubernetes/now", tenant.Etcd, "tenant-a-b"), use("Kubernetes/before", tenant.Etcd, "tenant-a"),
			use("Kubernetes/long-before", tenant.Etcd, "tenant-root"), use("Kubernetes/too", tenant.Etcd, "tenant-root"),
			use("Postgres/x", tenant.Monitoring, "tenant-root")),
		in("tenant-a", "c", use("Kubernetes/k", tenant.Etcd, "tenant-root")),
		in("tenant-root", "sibling", use("Kubernetes/forged", tenant.Etcd, "tenant-a"), use("Kubernetes/gone", tenant.Etcd, "tenant-x")))

	require.Equal(t, []string{"tenant-root", "tenant-a"}, resolved["tenant-a-b"].KeptEtcd)
	require.Equal(t, []string{"tenant-root", "tenant-a", "tenant-a-b"}, resolved["tenant-a-b"].Etcds())
	require.Equal(t, []string{"tenant-root", "tenant-a"}, resolved["tenant-a-b"].InheritedEtcds())
	require.Equal(t, []string{"tenant-root", "tenant-a"}, resolved["tenant-a-c"].InheritedEtcds())
	require.Equal(t, []string{"tenant-root"}, resolved["tenant-sibling"].Etcds(), "nobody else's etcd is opened by what an application says")
	require.Empty(t, resolved["tenant-root"].InheritedEtcds())

	labels := resolved["tenant-a-c"].Labels()
	require.Contains(t, labels, "etcd.cozystack.io/tenant-root")
	require.Contains(t, labels, "etcd.cozystack.io/tenant-a")
	require.Equal(t, "tenant-a", labels["namespace.cozystack.io/etcd"])
}

func TestAnEtcdThatStaysIsStillReached(t *testing.T) {
	stays := func(t *tenant.Tenant) { t.EtcdStays = true }
	resolved := resolveAll(t, root(runs(tenant.Etcd)), in("tenant-root", "a", stays), in("tenant-a", "b", use("Kubernetes/k", tenant.Etcd, "tenant-a")))

	require.True(t, resolved["tenant-a"].HasEtcd())
	require.Equal(t, "tenant-root", resolved["tenant-a"].Services[tenant.Etcd].Namespace, "nobody is told of it")
	require.Zero(t, resolved["tenant-a"].Services[tenant.Etcd].Dependents)
	require.Equal(t, []string{"tenant-a", "tenant-root"}, resolved["tenant-a-b"].Etcds())

	resolved = resolveAll(t, root(), in("tenant-root", "a", stays, runs(tenant.Etcd)))
	require.False(t, resolved["tenant-a"].StayingEtcd, "it is run")
}

func TestAnEtcdThatIsNotRunIsNotKept(t *testing.T) {
	resolved := resolveAll(t, root(), in("tenant-root", "a", use("Kubernetes/k", tenant.Etcd, "tenant-root")))
	require.Empty(t, resolved["tenant-a"].Etcds())
}

func TestApplicationsOfARefusedTenantStayDependents(t *testing.T) {
	resolved, refused := tenant.Resolve([]tenant.Tenant{
		root(runs(tenant.Etcd)), in("tenant-root", "a", func(t *tenant.Tenant) { t.Host = "org" }, use("Kubernetes/k", tenant.Etcd, "tenant-root")),
		in("tenant-a", "b", use("Kubernetes/l", tenant.Etcd, "tenant-root")),
	})
	require.Len(t, refused, 2)
	require.Equal(t, []string{"tenant-a/Kubernetes/k", "tenant-a-b/Kubernetes/l"}, resolved["tenant-root"].Services[tenant.Etcd].Dependents.First)
}

func TestDependentsAreTenantsAndApplications(t *testing.T) {
	resolved := resolveAll(t, root(runs(tenant.Etcd), use("Kubernetes/z", tenant.Etcd, "tenant-root"), use("Kubernetes/a", tenant.Etcd, "tenant-root")),
		in("tenant-root", "own", runs(tenant.Etcd), use("Kubernetes/old", tenant.Etcd, "tenant-root")),
		in("tenant-root", "plain", use("Kubernetes/k", tenant.Etcd, "tenant-root")))
	require.Equal(t, tenant.Dependents{Count: 5, First: []string{
		"tenant-own/Kubernetes/old", "tenant-plain", "tenant-plain/Kubernetes/k", "tenant-root/Kubernetes/a", "tenant-root/Kubernetes/z",
	}}, resolved["tenant-root"].Services[tenant.Etcd].Dependents)
	require.Zero(t, resolved["tenant-own"].Services[tenant.Etcd].Dependents)

	tree := []tenant.Tenant{root(runs(tenant.Etcd))}
	for i := range 20 {
		tree = append(tree, in("tenant-root", fmt.Sprint("t", i)))
	}

	many := resolveAll(t, tree...)["tenant-root"].Services[tenant.Etcd].Dependents
	require.Equal(t, 20, many.Count)
	require.Len(t, many.First, 10)
}
