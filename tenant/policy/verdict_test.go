// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/cozystack/cozy-install/tenant/policy"
)

// Every pair of kinds of pods in a deeper tree is judged in lab/policy, against a table and Cilium's engine.
func TestAVerdictNamesItsRowAndSaysWhy(t *testing.T) {
	resolved := tree(t)

	pod := func(namespace string, labels ...string) policy.Peer {
		peer := policy.Peer{Namespace: namespace, Labels: map[string]string{}}
		for _, label := range labels {
			peer.Labels[label] = "true"
		}

		if found, isFound := resolved[namespace]; isFound {
			peer.Tenant = &found
		}

		return peer
	}
	part := func(namespace, part string, labels ...string) policy.Peer {
		peer := pod(namespace, labels...)
		peer.Labels[policy.LabelService] = part

		return peer
	}
	staying := part("tenant-foo-qux", "etcd")
	stays := *staying.Tenant
	stays.StayingEtcd = true
	staying.Tenant = &stays
	system := pod("cozy-monitoring")
	system.IsSystem = true
	dns := policy.Peer{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}}
	upload := policy.Peer{Namespace: "cozy-kubevirt-cdi", IsSystem: true, Labels: map[string]string{"cdi.kubevirt.io": "cdi-uploadproxy"}}
	address := func(text string) policy.Peer {
		return policy.Peer{Kind: policy.Address, Address: netip.MustParseAddr(text)}
	}
	host, remote, api := policy.Peer{Kind: policy.Host}, policy.Peer{Kind: policy.RemoteNode}, policy.Peer{Kind: policy.APIServer}
	foo, bar, qux := pod("tenant-foo"), pod("tenant-foo-bar"), pod("tenant-foo-qux")

	for _, tc := range []struct {
		from, to  policy.Peer
		port      uint16
		row       int
		isAllowed bool
		why       string
	}{
		{part("tenant-foo-bar", "etcd"), part("tenant-foo-bar", "etcd"), 2380, 1, true, "members of one etcd"},
		{staying, staying, 2380, 1, true, "members of one etcd"},
		{part("tenant-foo-qux", "etcd"), part("tenant-foo-qux", "etcd"), 2380, 5, false, "etcd is closed"},
		{part("tenant-foo", "vmagent"), staying, 2381, 3, true, "scrapes"},
		{system, bar, 1, 2, true, "cozy-monitoring"},
		{api, part("tenant-foo-bar", "etcd"), 1, 2, true, "the API server"},
		{host, bar, 1, 2, true, "probe"},
		{part("tenant-foo", "vmagent"), part("tenant-foo-bar", "etcd"), 2381, 3, true, "scrapes"},
		{part("tenant-root", "vmagent"), part("tenant-foo-bar", "etcd"), 2381, 5, false, "etcd is closed"},
		{pod("tenant-foo-qux", policy.LabelAllowToEtcd), part("tenant-root", "etcd"), 2379, 4, true, "the etcd of tenant-root, which tenant-foo-qux"},
		{pod("tenant-foo-bar", policy.LabelAllowToEtcd), part("tenant-root", "etcd"), 2379, 4, true, "on which applications of tenant-foo-bar stay"},
		{bar, part("tenant-root", "etcd"), 2379, 5, false, "etcd is closed"},
		{pod("tenant-foo-qux", policy.LabelAllowToEtcd), part("tenant-foo-bar", "etcd"), 2379, 5, false, "etcd is closed"},
		{bar, part("tenant-foo-bar", "etcd"), 2379, 5, false, "etcd is closed"},
		{bar, bar, 1, 6, true, "both are of tenant-foo-bar"},
		{foo, bar, 1, 7, true, "tenant-foo is an ancestor of tenant-foo-bar"},
		{bar, part("tenant-foo", "ingress"), 443, 8, true, "resolves to the ingress of tenant-foo"},
		{bar, part("tenant-root", "ingress"), 443, 9, false, "tenant-foo-bar is no ancestor of tenant-root"},
		{bar, qux, 1, 9, false, "no ancestor of tenant-foo-qux"},
		{bar, dns, 53, 10, true, "DNS"},
		{bar, api, 6443, 11, false, "closed to pods without the label"},
		{pod("tenant-foo", policy.LabelAllowToAPIServer), api, 6443, 11, true, "opens the API server"},
		{pod("tenant-foo", policy.LabelAllowToAPIServer), api, 22, 11, false, "no other"},
		{pod("tenant-foo", policy.LabelAllowToAPIServer), address("192.0.2.10"), 6443, 12, false, "an address of the API server"},
		{bar, remote, 1, 12, false, "nodes are closed"},
		{bar, address("198.51.100.3"), 1, 12, false, "management controllers"},
		{bar, address("169.254.169.254"), 80, 12, false, "a cloud's metadata, closed"},
		{bar, address("fe80::1"), 80, 12, false, "a cloud's metadata, closed"},
		{bar, upload, 8443, 13, true, "cdi-uploadproxy"},
		{bar, upload, 443, 13, false, "cozy-kubevirt-cdi are closed"},
		{bar, address("9.9.9.9"), 1, 14, true, "9.9.9.9 is of the world"},
		{address("9.9.9.9"), pod("tenant-foo", policy.LabelExpose), 1, 15, true, "opens the pod"},
		{remote, pod("tenant-foo", policy.LabelExpose), 1, 15, true, "opens the pod"},
		{address("9.9.9.9"), part("tenant-foo-bar", "etcd", policy.LabelExpose), 1, 5, false, "etcd is closed"},
		{address("9.9.9.9"), foo, 1, 16, false, "the world reaches only"},
		{pod("default"), foo, 1, 16, false, "default is neither"},
		{bar, address("10.96.0.1"), 443, 17, false, "nothing allows it"},
		{remote, foo, 1, 17, false, "nothing allows it"},
		{bar, pod("kube-system"), 1, 17, false, "nothing allows it"},
		{pod("default"), system, 1, 0, true, "says nothing"},
	} {
		got := site().Verdict(policy.Flow{From: tc.from, To: tc.to, Protocol: corev1.ProtocolTCP, Port: tc.port})
		require.Equal(t, tc.row, got.Row, "%s to %s at %d: %s", tc.from, tc.to, tc.port, got.Why)
		require.Equal(t, tc.isAllowed, got.IsAllowed, got.Why)
		require.Contains(t, got.Why, tc.why)
	}
}
