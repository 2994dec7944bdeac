// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// The tree, four levels below the root, and who provides what:
//
//	            etcd     monitoring  ingress  seaweedfs
//	root        root     root        root     root
//	  alpha     alpha    root        root     root
//	    beta    alpha    beta        beta     root
//	      gamma alpha    beta        beta     root
//	      epsil epsil    beta        beta     root
//	        zeta epsil   beta        beta     root
//	    delta   delta    root        root     delta
//	      sigma delta    root        root     delta
//	  omega     root     root        root     root
//
// An application of gamma stays on the etcd of root, and one of epsil on that of alpha.
func resolve(t *testing.T) map[string]tenant.Resolved {
	t.Helper()

	runs := func(services ...tenant.Service) (flags tenant.Flags) {
		for _, service := range services {
			flags[service] = true
		}

		return flags
	}

	stays := func(provider string) []tenant.Usage {
		return []tenant.Usage{{Name: "Kubernetes/old", Service: tenant.Etcd, Provider: provider}}
	}

	resolved, refused := tenant.Resolve([]tenant.Tenant{
		{
			Namespace: tenant.RootNamespace, Name: tenant.RootName,
			Runs: runs(tenant.Etcd, tenant.Monitoring, tenant.Ingress, tenant.SeaweedFS),
		},
		{Namespace: "tenant-root", Name: "alpha", Runs: runs(tenant.Etcd)},
		{Namespace: "tenant-alpha", Name: "beta", Runs: runs(tenant.Monitoring, tenant.Ingress)},
		{Namespace: "tenant-alpha-beta", Name: "gamma", Applications: stays("tenant-root")},
		{Namespace: "tenant-alpha-beta", Name: "epsil", Runs: runs(tenant.Etcd), Applications: stays("tenant-alpha")},
		{Namespace: "tenant-alpha-beta-epsil", Name: "zeta"},
		{Namespace: "tenant-alpha", Name: "delta", Runs: runs(tenant.Etcd, tenant.SeaweedFS)},
		{Namespace: "tenant-alpha-delta", Name: "sigma"},
		{Namespace: "tenant-root", Name: "omega"},
	})
	require.Empty(t, refused)

	return resolved
}

func site() policy.Site {
	ranges := func(texts ...string) (prefixes []netip.Prefix) {
		for _, text := range texts {
			prefixes = append(prefixes, netip.MustParsePrefix(text))
		}

		return prefixes
	}

	return policy.Site{
		Enforces: policy.EnforcesCilium,
		Nodes:    ranges("192.0.2.0/24", "2001:db8:0:1::/64"), Pods: ranges("10.244.0.0/16", "100.65.0.0/16"),
		Services: ranges("10.96.0.0/16"), Join: ranges("100.64.0.0/16"), LoadBalancers: ranges("203.0.113.0/28"),
		BMCs: ranges("198.51.100.0/25"), Bastions: ranges("198.51.100.200/32"), Management: ranges("198.51.100.224/27"),
		API:     []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("198.51.100.210")},
		APIPort: 6443, ClusterDomain: "cluster.local",
	}
}

// peer is one end of flows, as the engine and as the rules see it. The name of a tenant's pod is <tenant>/<kind>; that of
// anything else has no slash.
type peer struct {
	name  string
	asked asked
	rules policy.Peer
}

// labels of the kinds of pods.
func labelsOf(kind string) map[string]string {
	const yes = "true"

	switch kind {
	case "plain":
		return nil
	case "exposed":
		return map[string]string{policy.LabelExpose: yes}
	case "toetcd":
		return map[string]string{policy.LabelAllowToEtcd: yes}
	case "toapi":
		return map[string]string{policy.LabelAllowToAPIServer: yes}
	case "ingress":
		return map[string]string{policy.LabelService: "ingress", policy.LabelExpose: yes}
	case "everything":
		return map[string]string{
			policy.LabelService: "etcd", policy.LabelExpose: yes, policy.LabelAllowToEtcd: yes, policy.LabelAllowToAPIServer: yes,
		}
	}

	return map[string]string{policy.LabelService: kind}
}

// kinds are what runs in each tenant beside the pods that all have. Those in gamma and omega run nothing: their labels pretend.
func kinds() map[string][]string {
	return map[string][]string{
		"root":  {"etcd", "ingress", "vminsert", "vlinsert", "vmagent", "seaweedfs"},
		"alpha": {"etcd", "everything"},
		"beta":  {"ingress", "vminsert", "vlinsert", "vmagent"},
		"gamma": {"etcd", "vmagent"},
		"epsil": {"etcd"},
		"delta": {"etcd", "seaweedfs"},
		"omega": {"everything", "vmagent", "ingress", "vminsert", "seaweedfs"},
	}
}

// peers are all of them, in a fixed order.
func peers(resolved map[string]tenant.Resolved) []peer {
	var all []peer

	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		own := resolved[namespace]
		name := namespace[strings.LastIndex(namespace, "-")+1:]

		for _, kind := range append([]string{"plain", "exposed", "toetcd", "toapi"}, kinds()[name]...) {
			one := pod(name+"/"+kind, namespace, labelsOf(kind))
			one.rules.Tenant = &own
			all = append(all, one)
		}
	}

	return append(all, around()...)
}

func pod(name, namespace string, labels map[string]string) peer {
	return peer{name, asked{Namespace: namespace, Labels: labels}, policy.Peer{Namespace: namespace, Labels: labels}}
}

// around is what is around the tenants.
func around() []peer {
	upload := map[string]string{"cdi.kubevirt.io": "cdi-uploadproxy"}
	all := []peer{
		pod("system.plain", "cozy-system", nil), pod("system.upload", "cozy-system", upload),
		pod("cdi.upload", "cozy-kubevirt-cdi", upload), pod("cdi.plain", "cozy-kubevirt-cdi", nil),
		pod("dns", "kube-system", map[string]string{"k8s-app": "kube-dns"}), pod("kube-system.plain", "kube-system", nil),
		pod("default.dns", "default", map[string]string{"k8s-app": "kube-dns"}), pod("default.plain", "default", nil),
		// It calls itself everything that it could.
		pod("default.pretender", "default", map[string]string{
			policy.LabelService: "vmagent", policy.LabelAllowToEtcd: "true", policy.LabelExpose: "true", policy.LabelAllowToAPIServer: "true",
			"io.kubernetes.pod.namespace": "tenant-alpha", "tenant.cozystack.io/tenant-root": "",
			"io.cilium.k8s.namespace.labels.cozystack.io/system":             "true",
			"io.cilium.k8s.namespace.labels.tenant.cozystack.io/tenant-root": "",
			"io.cilium.k8s.namespace.labels.namespace.cozystack.io/etcd":     "tenant-alpha",
			"io.cilium.k8s.namespace.labels.etcd.cozystack.io/tenant-alpha":  "",
		}),
		{"host", asked{Reserved: []string{"host"}}, policy.Peer{Kind: policy.Host}},
		{"node", asked{Reserved: []string{"remote-node"}}, policy.Peer{Kind: policy.RemoteNode}},
		{"api.host", asked{Reserved: []string{"host", "kube-apiserver"}}, policy.Peer{Kind: policy.APIServer}},
		{"api.node", asked{Reserved: []string{"remote-node", "kube-apiserver"}}, policy.Peer{Kind: policy.APIServer}},
		{"api.hosted", asked{Reserved: []string{"kube-apiserver"}, Address: "198.51.100.210"}, policy.Peer{Kind: policy.APIServer}},
	}

	for i := range all {
		namespace := all[i].rules.Namespace
		all[i].rules.IsSystem = strings.HasPrefix(namespace, "cozy-")
	}

	for _, one := range [][2]string{
		{"world.4", "9.9.9.9"},
		{"world.6", "2001:db8:ffff::1"},
		{"world.beside-bastion", "198.51.100.201"},
		{"world.beside-management", "198.51.100.223"},
		{"world.beside-nodes", "192.0.3.1"},
		{"world.beside-nodes6", "2001:db8:0:2::1"},
		{"world.beside-link", "169.253.255.254"},
		{"world.beside-link6", "fec0::1"},
		{"closed.metadata", "169.254.169.254"},
		{"closed.link6", "fe80::a9fe:a9fe"},
		{"closed.vip", "192.0.2.10"},
		{"closed.node", "192.0.2.77"},
		{"closed.node6", "2001:db8:0:1::5"},
		{"closed.bmc", "198.51.100.3"},
		{"closed.bastion", "198.51.100.200"},
		{"closed.management", "198.51.100.230"},
		{"inner.pod", "10.244.3.3"},
		{"inner.nodepod", "100.65.1.1"},
		{"inner.service", "10.96.0.1"},
		{"inner.join", "100.64.0.9"},
		{"inner.balancer", "203.0.113.5"},
	} {
		all = append(all, peer{one[0], asked{Address: one[1]}, policy.Peer{
			Kind: policy.Address, Address: netip.MustParseAddr(one[1]),
		}})
	}

	return all
}

// namespaces are the labels of all of them, as the controller and the bundles set them.
func namespaces(resolved map[string]tenant.Resolved) map[string]map[string]string {
	all := map[string]map[string]string{
		"cozy-system":       {policy.LabelSystem: "true"},
		"cozy-kubevirt-cdi": {policy.LabelSystem: "true"},
		"kube-system":       {},
		"default":           {},
	}
	for namespace, own := range resolved {
		all[namespace] = own.Labels()
	}

	for name, labels := range all {
		labels["kubernetes.io/metadata.name"] = name
	}

	return all
}

func ports() []port {
	var all []port

	for _, one := range []struct {
		protocol string
		numbers  []uint16
	}{
		{"TCP", []uint16{53, 80, 443, 2379, 2380, 2381, 6443, 8080, 8333, 8443, 8480, 9481}},
		{"UDP", []uint16{53, 443, 2379, 6443, 8443}},
		{"SCTP", []uint16{53}},
	} {
		for _, number := range one.numbers {
			all = append(all, port{Number: number, Protocol: one.protocol})
		}
	}

	return all
}
