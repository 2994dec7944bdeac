// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const cloudController = "system:serviceaccount:tenant-alpha:cloud-controller-kubernetes-shop"

// service is one that a user of the cluster kubernetes-shop ordered there.
func service(change func(meta, spec map[string]any)) map[string]any {
	meta := map[string]any{"name": "a1", "labels": map[string]any{"cluster.x-k8s.io/cluster-name": "kubernetes-shop"}}
	spec := map[string]any{"type": "LoadBalancer", "selector": map[string]any{"cluster.x-k8s.io/cluster-name": "kubernetes-shop"}}
	if change != nil {
		change(meta, spec)
	}
	return map[string]any{"metadata": meta, "spec": spec}
}

// loadBalancerRefusal is what the policy says to a Service; empty: allowed, or none of its business.
func loadBalancerRefusal(t *testing.T, user string, object, before map[string]any) string {
	t.Helper()
	return applicationsRefusal(t, "tenant-loadbalancers.cozystack.io", user, object, before)
}

// TestUsersOfATenantsClusterOrderLoadBalancersAndNothingElse: the cloud controller copies what they write into Services here.
func TestUsersOfATenantsClusterOrderLoadBalancersAndNothingElse(t *testing.T) {
	other := service(func(meta, _ map[string]any) { meta["labels"] = map[string]any{"app": "grafana"} })
	for name, c := range map[string]struct {
		user           string
		object, before map[string]any
		want           string // empty: allowed
	}{
		"a load balancer":                {cloudController, service(nil), nil, ""},
		"a change of it":                 {cloudController, service(nil), service(nil), ""},
		"an annotation of its user's":    {cloudController, service(annotated("example.org/team", "x")), nil, ""},
		"the address of something else":  {cloudController, service(func(_, spec map[string]any) { spec["externalIPs"] = []any{"10.0.0.1"} }), nil, `spec.externalIPs: "10.0.0.1": `},
		"the name of something else":     {cloudController, service(annotated("external-dns.alpha.kubernetes.io/hostname", "grafana.example.org")), nil, "external-dns.alpha.kubernetes.io/hostname"},
		"a part in an address":           {cloudController, service(annotated("metallb.io/allow-shared-ip", "ingress")), nil, "metallb.io/allow-shared-ip"},
		"Helm's ownership":               {cloudController, service(annotated("meta.helm.sh/release-name", "postgres-db")), nil, "meta.helm.sh"},
		"no label":                       {cloudController, other, nil, "of its own cluster only"},
		"what belongs to something else": {cloudController, service(nil), other, "not of the cloud controller's cluster"},
		"pods of something else":         {cloudController, service(func(_, spec map[string]any) { spec["selector"] = map[string]any{"app": "postgres"} }), nil, "spec.selector[cluster.x-k8s.io/cluster-name]: "},
		"no selector":                    {cloudController, service(func(_, spec map[string]any) { delete(spec, "selector") }), nil, "spec.selector[cluster.x-k8s.io/cluster-name]: "},
		"a release of an application":    {"system:serviceaccount:tenant-alpha:tenant-releases", other, nil, ""},
	} {
		got := loadBalancerRefusal(t, c.user, c.object, c.before)
		if c.want == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, c.want, name)
		}
	}
}

func annotated(key, value string) func(meta, spec map[string]any) {
	return func(meta, _ map[string]any) { meta["annotations"] = map[string]any{key: value} }
}
