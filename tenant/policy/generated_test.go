// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// The engine of Cilium judges what these say in lab/policy. The files are here to be read.
func TestPoliciesAreAsRecorded(t *testing.T) {
	resolved := tree(t)

	services, isNeeded := policy.CiliumServices(resolved["tenant-foo"])
	require.True(t, isNeeded)

	golden(t, "testdata/cilium.yaml", text(t,
		site().CiliumCluster(), services, policy.CiliumTenant(resolved["tenant-foo"]), policy.CiliumTenant(resolved["tenant-foo-bar"]),
	))

	var objects []any

	for _, namespace := range []string{"tenant-foo", "tenant-foo-bar"} {
		for _, one := range site().Kubernetes(resolved[namespace]) {
			objects = append(objects, one)
		}
	}

	golden(t, "testdata/kubernetes.yaml", text(t, objects...))
}

func text(t *testing.T, objects ...any) string {
	t.Helper()

	all := strings.Builder{}

	for _, object := range objects {
		document, err := yaml.Marshal(object)
		require.NoError(t, err)
		all.WriteString("---\n")
		all.Write(document)
	}

	return all.String()
}

func TestATenantsPoliciesNameNobodyBelowOrBeside(t *testing.T) {
	resolved := tree(t)

	services, _ := policy.CiliumServices(resolved["tenant-foo"])

	objects := []any{policy.CiliumTenant(resolved["tenant-foo-qux"]), policy.CiliumTenant(resolved["tenant-foo"]), services}
	for _, one := range site().Kubernetes(resolved["tenant-foo-qux"]) {
		objects = append(objects, one)
	}

	require.NotContains(t, text(t, objects...), "tenant-foo-bar")
}

// Policies are compared with what is found on the API server, which holds JSON.
func TestCiliumsPoliciesAreCopiedAsJSON(t *testing.T) {
	require.NotPanics(t, func() { _ = site().CiliumCluster().DeepCopy() })
	require.NotPanics(t, func() { _ = policy.CiliumTenant(tree(t)["tenant-foo-bar"]).DeepCopy() })
	require.NotPanics(t, func() {
		services, _ := policy.CiliumServices(tree(t)["tenant-foo"])
		_ = services.DeepCopy()
	})
}

// However many tenants are below, nothing but the policy of who runs it is written when a service appears above them.
func TestAServiceAboveChangesNoPolicyOfATenant(t *testing.T) {
	before := tenant.Resolved{Namespace: "tenant-a", Ancestors: []string{"tenant-root"}}
	after := before

	for _, service := range tenant.Services() {
		after.Services[service] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	}

	require.NotEqual(t, before.Services, after.Services)
	require.Equal(t, policy.CiliumTenant(before), policy.CiliumTenant(after))

	_, isNeeded := policy.CiliumServices(after)
	require.False(t, isNeeded)
}

func TestEveryNameOfANetworkPolicyIsKnown(t *testing.T) {
	var given []string

	for _, provision := range []tenant.Provision{
		{Source: tenant.Own, Namespace: "tenant-a"}, {Source: tenant.Inherited, Namespace: "tenant-root"},
	} {
		one := tenant.Resolved{Namespace: "tenant-a", Ancestors: []string{"tenant-root"}}
		for i := range one.Services {
			one.Services[i] = provision
		}

		for _, object := range site().Kubernetes(one) {
			given = append(given, object.Name)
		}
	}

	slices.Sort(given)
	require.ElementsMatch(t, policy.KubernetesNames(), slices.Compact(given))
}

func TestATenantCostsTheSameInAnyTree(t *testing.T) {
	plain := tenant.Resolved{Namespace: "tenant-a", Ancestors: []string{"tenant-root"}}
	for i := range plain.Services {
		plain.Services[i] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	}

	deep := plain
	deep.Ancestors = []string{"tenant-root", "tenant-b", "tenant-b-c", "tenant-b-c-d"}

	rules := func(r tenant.Resolved) int { return len(policy.CiliumTenant(r).Object["specs"].([]any)) }
	require.Equal(t, 2, rules(plain))
	require.Equal(t, rules(plain), rules(deep))
	require.Len(t, site().Kubernetes(deep), 5)
}
