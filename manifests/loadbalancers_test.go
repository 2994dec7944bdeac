// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"
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
		"another's balancer at Hetzner":  {cloudController, service(annotated("robotlb/balancer", "ingress")), nil, "robotlb/balancer"},
		"another's balancer of a cloud":  {cloudController, service(annotated("service.beta.kubernetes.io/aws-load-balancer-name", "x")), nil, "aws-load-balancer-name"},
		"a mark of the platform's own":   {cloudController, service(annotated("metallb.io/ip-allocated-from-pool", "one")), service(annotated("metallb.io/ip-allocated-from-pool", "one")), ""},
		"a change of that mark":          {cloudController, service(annotated("metallb.io/ip-allocated-from-pool", "two")), service(annotated("metallb.io/ip-allocated-from-pool", "one")), "metallb.io/ip-allocated-from-pool"},
		"a mark that comes later":        {cloudController, service(annotated("robotlb/balancer", "")), service(nil), "robotlb/balancer"},
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

// TestLoadBalancersAreNamedAfterTheirTenant: robotlb would call those of all tenants alike.
func TestLoadBalancersAreNamedAfterTheirTenant(t *testing.T) {
	long := "tenant-" + strings.Repeat("a", 56)
	seen := map[string]bool{}
	for _, one := range []rendering{
		{chart: "ingress", namespace: "tenant-root", values: ordered("ingress", nil)},
		{chart: "ingress", namespace: "tenant-alpha", values: ordered("ingress", nil)},
		{chart: "ingress", namespace: long, values: ordered("ingress", nil)},
		{chart: "ingress", namespace: long[:62] + "b", values: ordered("ingress", nil)},
		{chart: "postgres", namespace: "tenant-alpha", values: ordered("postgres", map[string]any{"external": true})},
		{chart: "postgres", namespace: long, values: ordered("postgres", map[string]any{"external": true})},
	} {
		found := 0
		for _, object := range objects(t, render(t, one)) {
			spec, _ := object["spec"].(map[string]any)
			if object["kind"] != "Service" || spec["type"] != "LoadBalancer" {
				continue
			}
			found++
			annotations, _ := object["metadata"].(map[string]any)["annotations"].(map[string]any)
			name, isNamed := annotations["robotlb/balancer"].(string)
			if one.namespace == "tenant-root" {
				require.False(t, isNamed, "that of the site keeps the name of its Service, and with it its address")
				name = "ingress"
			}
			require.Empty(t, validation.IsDNS1123Label(name), "%q", name)
			require.False(t, seen[name], name)
			seen[name] = true
		}
		require.Equal(t, 1, found, "%s in %s", one.chart, one.namespace)
	}
	require.Subset(t, slices.Collect(maps.Keys(seen)), []string{"ingress", "tenant-alpha-ingress"})
}

func annotated(key, value string) func(meta, spec map[string]any) {
	return func(meta, _ map[string]any) { meta["annotations"] = map[string]any{key: value} }
}
