// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule is a change to a valid site file and what is then wrong with it.
type rule struct {
	old, new string
	want     []string
}

func checkRules(t *testing.T, base string, rules map[string]rule) {
	t.Helper()
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, base, rule.old)
			require.Equal(t, rule.want, problems(t, strings.Replace(base, rule.old, rule.new, 1)))
		})
	}
}

func TestHeaderRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"domain is an address":   {"lab.example.org", "10.0.0.1", []string{`5:9 domain: "10.0.0.1": not a DNS name of two or more labels`}},
		"domain is one label":    {"lab.example.org", "localhost", []string{`5:9 domain: "localhost": not a DNS name of two or more labels`}},
		"domain ends with a dot": {"lab.example.org", "example.org.", []string{`5:9 domain: "example.org.": not a DNS name of two or more labels`}},
		"domain is a wildcard":   {"lab.example.org", "'*.example.org'", []string{`5:9 domain: "*.example.org": not a DNS name of two or more labels`}},
		"domain in upper case":   {"lab.example.org", "Example.org", []string{`5:9 domain: "Example.org": not a DNS name of two or more labels`}},
		"domain is too long":     {"lab.example.org", strings.Repeat("abcdefg.", 31) + "abcdef", []string{`5:9 domain: "` + strings.Repeat("abcdefg.", 31)[:77] + `...": not a DNS name of two or more labels`}},
		"domain of the cluster":  {"lab.example.org", "cozy.local", []string{`5:9 domain: "cozy.local": the same as network.clusterDomain, whose names exist inside the cluster only`}},
		"name is too long":       {"name: lab", "name: " + strings.Repeat("a", 64), []string{`4:9 metadata.name: "` + strings.Repeat("a", 64) + `": not a DNS label (a-z, 0-9 and -, at most 63 characters)`}},
		"name ends with a dash":  {"name: lab", "name: lab-", []string{`4:9 metadata.name: "lab-": not a DNS label (a-z, 0-9 and -, at most 63 characters)`}},
		"no name":                {"metadata:\n  name: lab", "metadata: {}", []string{`3:1 metadata.name: missing`}},
		"unknown bundle":         {"paas-full", "iaas", []string{`6:9 bundle: "iaas": not one of paas-full, paas-hosted, distro-full, distro-hosted`}},
	})
}

func TestLongestNamesAreAllowed(t *testing.T) {
	domain := strings.Repeat(strings.Repeat("a", 62)+".", 4) + "a"
	require.Len(t, domain, 253)
	require.Empty(t, problems(t, strings.NewReplacer("lab.example.org", domain, "name: lab", "name: "+strings.Repeat("a", 63)).Replace(full)))
}

func TestBundleRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"cluster with a full bundle":  {"network:", "cluster: {context: kind}\nnetwork:", []string{"7:1 cluster: not possible with bundle paas-full"}},
		"storage with a full bundle":  {"network:", "storage: {class: x}\nnetwork:", []string{"7:1 storage: not possible with bundle paas-full"}},
		"exposure with a full bundle": {"network:", "exposure: {nodePort: true}\nnetwork:", []string{"7:1 exposure: not possible with bundle paas-full"}},
		"tenant-root with a distro":   {"paas-full\n", "distro-full\ntenantRoot: {etcd: true}\n", []string{"7:1 tenantRoot: not possible with bundle distro-full, which has no tenants"}},
	})
	checkRules(t, hosted, map[string]rule{
		"talos with a hosted bundle":   {"exposure:", "talos: {version: v1.13.9}\nexposure:", []string{"7:1 talos: not possible with bundle paas-hosted"}},
		"netboot with a hosted bundle": {"exposure:", "netboot: {mode: off}\nexposure:", []string{"7:1 netboot: not possible with bundle paas-hosted"}},
		"nodes with a hosted bundle":   {"exposure:", "nodes: [{name: a}]\nexposure:", []string{"7:1 nodes: not possible with bundle paas-hosted"}},
		"kubernetes version":           {"exposure:", "kubernetes: {version: v1.34.4}\nexposure:", []string{"7:1 kubernetes: not possible with bundle paas-hosted"}},
		"network of nodes": {
			"exposure:", "network: {vip: 10.0.0.1, endpoint: 'https://a.example.org'}\nexposure:",
			[]string{"7:16 network.vip: not possible with bundle paas-hosted"},
		},
		"tenant-root with a distro": {"paas-hosted\n", "distro-hosted\ntenantRoot: {}\n", []string{"7:1 tenantRoot: not possible with bundle distro-hosted, which has no tenants"}},
		"no exposure": {"exposure:\n  hostPort: true\n", "", []string{
			"1:1 exposure: missing: exactly one of loadBalancer, nodePort, hostPort and externalIPs must be set",
		}},
		"two exposures": {"hostPort: true", "hostPort: true\n  externalIPs: [192.0.2.1]", []string{
			"7:1 exposure: exactly one of loadBalancer, nodePort, hostPort and externalIPs must be set",
		}},
		"exposure that is off":     {"hostPort: true", "hostPort: false", []string{"7:1 exposure: exactly one of loadBalancer, nodePort, hostPort and externalIPs must be set"}},
		"exposure of a wrong type": {"hostPort: true", "hostPort: maybe", []string{"8:13 exposure.hostPort: text where true or false belongs"}},
		"external address twice":   {"hostPort: true", "externalIPs: [192.0.2.1, 192.0.2.1]", []string{`8:28 exposure.externalIPs[1]: "192.0.2.1": listed twice`}},
		"external loopback":        {"hostPort: true", "externalIPs: [127.0.0.1]", []string{`8:17 exposure.externalIPs[0]: "127.0.0.1": not an address a host can have`}},
		"storage class":            {"exposure:", "storage: {class: Fast!}\nexposure:", []string{`7:18 storage.class: "Fast!": not the name of a storage class`}},
	})
	require.Empty(t, problems(t, strings.Replace(strings.Replace(hosted, "paas", "distro", 1), "exposure:\n  hostPort: true\n", "", 1)))
	require.Empty(t, problems(t, strings.Replace(hosted, "exposure:", "network: {endpoint: 'https://192.0.2.1:6443', clusterDomain: kube.local}\nexposure:", 1)))
}

func TestNetworkRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"VIP outside":          {"vip: 10.77.0.10", "vip: 10.78.0.10", []string{`9:8 network.vip: "10.78.0.10": outside network.nodeSubnet 10.77.0.0/24`}},
		"VIP is broadcast":     {"vip: 10.77.0.10", "vip: 10.77.0.255", []string{`9:8 network.vip: "10.77.0.255": the network or broadcast address of network.nodeSubnet 10.77.0.0/24`}},
		"VIP is the gateway":   {"vip: 10.77.0.10", "vip: 10.77.0.1\n  gateway: 10.77.0.1", []string{`9:8 network.vip: "10.77.0.1": already used by network.gateway`}},
		"gateway outside":      {"vip:", "gateway: 10.0.0.1\n  vip:", []string{`9:12 network.gateway: "10.0.0.1": outside network.nodeSubnet 10.77.0.0/24`}},
		"neither VIP nor URL":  {"  vip: 10.77.0.10\n", "", []string{`7:1 network.endpoint: missing`}},
		"endpoint is not TLS":  {"vip:", "endpoint: http://a.example.org\n  vip:", []string{`9:13 network.endpoint: "http://a.example.org": not a URL that starts with https://`}},
		"endpoint has a user":  {"vip:", "endpoint: https://me:secret@a.example.org\n  vip:", []string{`9:13 network.endpoint: "https://...@a.example.org": a URL with credentials in it`}},
		"host bits":            {"10.77.0.0/24", "10.77.0.1/24", []string{`8:15 network.nodeSubnet: "10.77.0.1/24": an address, not a network`}},
		"no node network":      {"  nodeSubnet: 10.77.0.0/24\n", "", []string{"7:1 network.nodeSubnet: missing"}},
		"IPv6":                 {"vip:", "podSubnet: fd00::/56\n  vip:", []string{`9:14 network.podSubnet: "fd00::/56": IPv6, which is not built yet`}},
		"IPv6 address":         {"vip: 10.77.0.10", "vip: fd00::1", []string{`9:8 network.vip: "fd00::1": IPv6, which is not built yet`}},
		"pods in node-pods":    {"vip:", "podSubnet: 100.65.128.0/17\n  vip:", []string{`9:14 network.podSubnet: "100.65.128.0/17": overlaps network.nodePodSubnet 100.65.0.0/16`}},
		"services in nodes":    {"vip:", "serviceSubnet: 10.77.0.128/25\n  vip:", []string{`9:18 network.serviceSubnet: "10.77.0.128/25": overlaps network.nodeSubnet 10.77.0.0/24`}},
		"join in services":     {"vip:", "joinSubnet: 10.96.0.0/24\n  vip:", []string{`9:15 network.joinSubnet: "10.96.0.0/24": overlaps network.serviceSubnet 10.96.0.0/16`}},
		"balancer in nodes":    {"vip:", "loadBalancer: 10.77.0.200-10.77.0.250\n  vip:", []string{`9:17 network.loadBalancer: "10.77.0.200-10.77.0.250": overlaps network.nodeSubnet 10.77.0.0/24`}},
		"balancer in pods":     {"vip:", "loadBalancer: 10.244.7.0/24\n  vip:", []string{`9:17 network.loadBalancer: "10.244.7.0/24": overlaps network.podSubnet 10.244.0.0/16`}},
		"balancer backwards":   {"vip:", "loadBalancer: 10.1.0.9-10.1.0.1\n  vip:", []string{`9:17 network.loadBalancer: "10.1.0.9-10.1.0.1": a range whose last address comes before its first`}},
		"balancer is a word":   {"vip:", "loadBalancer: metallb\n  vip:", []string{`9:17 network.loadBalancer: "metallb": neither "first-last" nor a network`}},
		"balancer is no range": {"vip:", "loadBalancer: a-b\n  vip:", []string{`9:17 network.loadBalancer: "a-b": not two IP addresses`}},
		"loopback network":     {"vip:", "podSubnet: 127.16.0.0/16\n  vip:", []string{`9:14 network.podSubnet: "127.16.0.0/16": overlaps 127.0.0.0/8, which hosts can't use`}},
		"loopback nodes": {"nodeSubnet: 10.77.0.0/24\n  vip: 10.77.0.10", "nodeSubnet: 127.77.0.0/24\n  vip: 127.77.0.10", []string{
			`8:15 network.nodeSubnet: "127.77.0.0/24": overlaps 127.0.0.0/8, which hosts can't use`,
			`9:8 network.vip: "127.77.0.10": not an address a host can have`,
			`16:14 nodes[0].address: "10.77.0.11": outside network.nodeSubnet 127.77.0.0/24`,
		}},
		"management in pods":       {"vip:", "management: [198.51.100.0/24, 10.244.7.0/24]\n  vip:", []string{`9:33 network.management[1]: "10.244.7.0/24": overlaps network.podSubnet 10.244.0.0/16`}},
		"management has host bits": {"vip:", "management: [198.51.100.1/24]\n  vip:", []string{`9:16 network.management[0]: "198.51.100.1/24": an address, not a network`}},
		"management is everything": {"vip:", "management: [0.0.0.0/0]\n  vip:", []string{`9:16 network.management[0]: "0.0.0.0/0": the whole world`}},
		"small node-pods":          {"vip:", "nodePodSubnet: 100.65.0.0/25\n  vip:", []string{`9:18 network.nodePodSubnet: "100.65.0.0/25": room for 0 nodes, with a /24 each, and the site has 1`}},
		"DNS server":               {"vip:", "dnsServers: [0.0.0.0, 1.1.1.1, 1.1.1.1]\n  vip:", []string{`9:16 network.dnsServers[0]: "0.0.0.0": not an address a host can have`, `9:34 network.dnsServers[2]: "1.1.1.1": listed twice`}},
		"NTP server":               {"vip:", "ntpServers: [time.example.org, 10.0.0.1, no_name]\n  vip:", []string{`9:44 network.ntpServers[2]: "no_name": neither a DNS name nor an IP address`}},
		"cluster domain":           {"vip:", "clusterDomain: .local\n  vip:", []string{`9:18 network.clusterDomain: ".local": not a DNS name in lower case`}},
	})
}

func TestMachinesReachedOverLoopbackHaveItsAddresses(t *testing.T) {
	text := strings.NewReplacer("10.77.", "127.77.", "eth0", "lo").Replace(full)
	require.Empty(t, problems(t, text))
	require.Equal(t, []string{`9:14 network.podSubnet: "127.16.0.0/16": overlaps 127.0.0.0/8, which hosts can't use`},
		problems(t, strings.Replace(text, "vip:", "podSubnet: 127.16.0.0/16\n  vip:", 1)))
}

func TestEveryPairOfNetworksIsCompared(t *testing.T) {
	fields := []string{"podSubnet", "nodePodSubnet", "serviceSubnet", "joinSubnet", "loadBalancer"}
	for i, second := range fields {
		for _, first := range fields[:i] {
			text := strings.Replace(full, "vip:", fmt.Sprintf("%s: 172.20.0.0/16\n  %s: 172.20.8.0/21\n  vip:", first, second), 1)
			got := problems(t, text)
			require.Len(t, got, 1, "%s and %s", first, second)
			require.Contains(t, got[0], fmt.Sprintf(`network.%s: "172.20.8.0/21": overlaps network.%s 172.20.0.0/16`, second, first))
		}
	}
}

func TestDefaultNetworksAreDisjoint(t *testing.T) {
	s := &Site{Bundle: PaaSFull}
	SetDefaults(s)
	for _, problem := range Validate(s) {
		require.NotContains(t, problem.Rule, "overlaps")
	}
}
