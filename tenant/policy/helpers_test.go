// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"flag"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// site is one with everything, in both families of addresses.
func site() policy.Site {
	return policy.Site{
		Enforces:      policy.EnforcesCilium,
		Nodes:         ranges("192.0.2.0/24", "2001:db8:0:1::/64"),
		Pods:          ranges("10.244.0.0/16", "100.65.0.0/16"),
		Services:      ranges("10.96.0.0/16"),
		Join:          ranges("100.64.0.0/16"),
		LoadBalancers: ranges("192.0.2.192/28", "203.0.113.0/28"),
		BMCs:          ranges("198.51.100.0/25"),
		Bastions:      ranges("198.51.100.200/32"),
		API:           []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("198.51.100.210")},
		APIPort:       6443,
		ClusterDomain: "cluster.local",
	}
}

func ranges(texts ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}

	return prefixes
}

// tree is foo in root, bar and qux in foo: root runs everything but seaweedfs, foo monitoring and ingress, bar etcd.
// An application of bar stays on the etcd of root.
func tree(t *testing.T) map[string]tenant.Resolved {
	t.Helper()

	resolved, refused := tenant.Resolve([]tenant.Tenant{
		{Namespace: tenant.RootNamespace, Name: tenant.RootName, Runs: tenant.Flags{tenant.Etcd: true, tenant.Monitoring: true, tenant.Ingress: true}},
		{Namespace: tenant.RootNamespace, Name: "foo", Runs: tenant.Flags{tenant.Monitoring: true, tenant.Ingress: true}},
		{
			Namespace: "tenant-foo", Name: "bar", Runs: tenant.Flags{tenant.Etcd: true},
			Applications: []tenant.Usage{{Name: "Kubernetes/old", Service: tenant.Etcd, Provider: tenant.RootNamespace}},
		},
		{Namespace: "tenant-foo", Name: "qux"},
	})
	require.Empty(t, refused)

	return resolved
}

// golden compares a text with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()

	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}

	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
