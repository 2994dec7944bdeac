// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServicesWriteOnlyWhatIsCalledAfterTheirTenant holds what the account of a tenant's cluster services may do outside of
// namespaces against the policy that bounds it.
func TestServicesWriteOnlyWhatIsCalledAfterTheirTenant(t *testing.T) {
	class := func(controller string) map[string]any {
		return map[string]any{"spec": map[string]any{"controller": controller}}
	}
	binding := func(role, account, namespace string) map[string]any {
		return map[string]any{
			"roleRef":  map[string]any{"kind": "ClusterRole", "name": role},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": account, "namespace": namespace}},
		}
	}
	const reads, notItsName = "tenant-ingress-controller", "have only what is called after it"
	for _, c := range []struct {
		title, operation, resource, name string
		object                           map[string]any
		says                             string
	}{
		{"its class", "CREATE", "ingressclasses", "tenant-a", class("cozystack.io/ingress-tenant-a"), ""},
		{"the class of a child", "CREATE", "ingressclasses", "tenant-a-b", class("cozystack.io/ingress-tenant-a"), notItsName},
		{"its class for another", "UPDATE", "ingressclasses", "tenant-a", class("cozystack.io/ingress-tenant-root"), `spec.controller: "cozystack.io/ingress-tenant-root": the class of a tenant leads to its own controller; name cozystack.io/ingress-tenant-a`},
		{"its class goes", "DELETE", "ingressclasses", "tenant-a", nil, ""},
		{"another's class goes", "DELETE", "ingressclasses", "tenant-root", nil, notItsName},
		{"its store", "CREATE", "datastores", "tenant-a", map[string]any{}, ""},
		{"another's store", "UPDATE", "datastores", "tenant-root", map[string]any{}, notItsName},
		{"its ingress reads", "CREATE", "clusterrolebindings", reads + ":tenant-a", binding(reads, "ingress", "tenant-a"), ""},
		{"its agent reads", "CREATE", "clusterrolebindings", "tenant-monitoring-agent:tenant-a", binding("tenant-monitoring-agent", "vmagent", "tenant-a"), ""},
		{"its agent reads as the ingress", "CREATE", "clusterrolebindings", "tenant-monitoring-agent:tenant-a", binding(reads, "vmagent", "tenant-a"), "only the ingress and the agent of tenant-a"},
		{"its agent reads what the ingress does", "CREATE", "clusterrolebindings", reads + ":tenant-a", binding(reads, "vmagent", "tenant-a"), "only the ingress and the agent of tenant-a"},
		{"its ingress reads no more", "DELETE", "clusterrolebindings", reads + ":tenant-a", nil, ""},
		{"any binding goes", "DELETE", "clusterrolebindings", "cluster-admin", nil, notItsName},
		{"another account reads", "CREATE", "clusterrolebindings", reads + ":tenant-a", binding(reads, "tenant-admin", "tenant-a"), "only the ingress and the agent of tenant-a"},
		{"another tenant's ingress reads", "CREATE", "clusterrolebindings", reads + ":tenant-a", binding(reads, "ingress", "tenant-b"), "only the ingress and the agent of tenant-a"},
		{"it becomes everything", "CREATE", "clusterrolebindings", reads + ":tenant-a", binding("cluster-admin", "ingress", "tenant-a"), "only the ingress and the agent of tenant-a"},
	} {
		said := readPolicyOf(t, "tenant-applications", "tenant-services-cluster.cozystack.io").judge(t, map[string]any{
			"object": c.object,
			"request": map[string]any{
				"operation": c.operation, "name": c.name, "resource": map[string]any{"resource": c.resource},
				"userInfo": map[string]any{"username": "system:serviceaccount:tenant-a:tenant-services"},
			},
		})
		if c.says == "" {
			require.Empty(t, said, c.title)
		} else {
			require.Contains(t, said, c.says, c.title)
		}
	}
}
