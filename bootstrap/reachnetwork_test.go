// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNetworksReachKubeOVNAndCilium(t *testing.T) {
	plan := resolved(t, "vip:", "podSubnet: 10.10.0.0/16, joinSubnet: 10.11.0.0/16, serviceSubnet: 10.12.0.0/16, nodePodSubnet: 10.13.0.0/16, vip:")
	require.Equal(t, map[string]any{
		"POD_CIDR": "10.10.0.0/16", "POD_GATEWAY": "10.10.0.1", "SVC_CIDR": "10.12.0.0/16", "JOIN_CIDR": "10.11.0.0/16",
	}, valueAt(t, plan, "kube-ovn", "ipv4"))
	require.Equal(t, "127.211.7.2,127.211.7.3,127.211.7.4", valueAt(t, plan, "kube-ovn", "MASTER_NODES"), "the control planes, and no worker")
	require.Equal(t, "10.13.0.0/16", valueAt(t, plan, "cilium", "ipv4NativeRoutingCIDR"))

	plan = resolved(t, "paas-full", "distro-full", "vip:", "nodePodSubnet: 10.244.0.0/16, vip:")
	require.Equal(t, "10.244.0.0/16", valueAt(t, plan, "cilium", "ipv4NativeRoutingCIDR"), "here the pods are in it")
}

func TestLoadBalancerAddressesReachMetalLB(t *testing.T) {
	for _, bundle := range []string{"paas-full", "distro-full"} {
		plan := resolved(t, "paas-full", bundle, "vip:", `loadBalancer: "192.168.7.10 - 192.168.7.20", vip:`)
		require.Equal(t, []any{"192.168.7.10-192.168.7.20"}, valueAt(t, plan, "metallb-pools", "pools"))
		objects := objectsOf(t, plan, "metallb-pools")
		require.Equal(t, []any{"192.168.7.10-192.168.7.20"}, at(t, objects["IPAddressPool/site"], "spec", "addresses"))
		require.Contains(t, objects, "L2Advertisement/site")
	}
	objects := objectsOf(t, resolved(t, "vip:", "loadBalancer: 192.168.7.0/26, vip:"), "metallb-pools")
	require.Equal(t, []any{"192.168.7.0/26"}, at(t, objects["IPAddressPool/site"], "spec", "addresses"))
	require.NotContains(t, objectsOf(t, resolved(t), "metallb-pools"), "IPAddressPool/site", "a site without addresses has no pool")
}

func TestLoadBalancerAddressesReachCilium(t *testing.T) {
	plan := resolved(t, "paas-full", "distro-full\npackages: {enable: [cilium-pools], disable: [metallb, metallb-pools]}",
		"vip:", "loadBalancer: 192.168.7.10-192.168.7.20, vip:")
	require.Equal(t, true, valueAt(t, plan, "cilium", "l2announcements", "enabled"))
	objects := objectsOf(t, plan, "cilium-pools")
	require.Equal(t, []any{map[string]any{"start": "192.168.7.10", "stop": "192.168.7.20"}},
		at(t, objects["CiliumLoadBalancerIPPool/site"], "spec", "blocks"))
	require.Equal(t, true, at(t, objects["CiliumL2AnnouncementPolicy/site"], "spec", "loadBalancerIPs"))
}
