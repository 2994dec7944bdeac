// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

func TestPackagesAreToldWhatTheSiteFileSays(t *testing.T) {
	s := &site.Site{
		Domain: "example.org",
		Network: site.Network{
			VIP: netip.MustParseAddr("192.168.1.10"), NodeSubnet: netip.MustParsePrefix("192.168.1.0/24"),
			PodSubnet: netip.MustParsePrefix("10.244.0.0/16"), LoadBalancer: "192.168.2.10-192.168.2.20", ClusterDomain: "cozy.local",
		},
		Nodes: []site.Node{
			{Name: "a", Role: site.ControlPlane, Address: netip.MustParseAddr("192.168.1.11")},
			{Name: "b", Role: site.Worker, Address: netip.MustParseAddr("192.168.1.12"), Storage: []string{"/dev/disk/by-id/x"}},
		},
	}
	require.Equal(t, bundles.Facts{
		bundles.FactDomain: "example.org", bundles.FactClusterDomain: "cozy.local",
		bundles.FactNodeSubnet: "192.168.1.0/24", bundles.FactPodSubnet: "10.244.0.0/16", bundles.FactPodGateway: "10.244.0.1",
		bundles.FactAPIServerEndpoint: "https://192.168.1.10:6443", bundles.FactControlPlaneAddresses: "192.168.1.11",
		bundles.FactLoadBalancerPools: []any{"192.168.2.10-192.168.2.20"}, bundles.FactReplicas: 1,
		bundles.FactStoragePools: []any{map[string]any{"node": "b", "devices": []any{"/dev/disk/by-id/x"}}},
		bundles.FactLetsEncrypt:  false, bundles.FactACMEServer: "", bundles.FactACMEEmail: "", bundles.FactCertificateAuthority: "",
		bundles.FactIssuer: "selfsigned-cluster-issuer",
	}, factsOf(s))
}

func TestAHostedSiteSaysWhichStorageClass(t *testing.T) {
	facts := factsOf(&site.Site{Domain: "example.org", Storage: &site.Storage{Class: "fast"}})
	require.Equal(t, "fast", facts[bundles.FactStorageClass])
	require.NotContains(t, facts, bundles.FactControlPlaneAddresses)
	require.NotContains(t, facts, bundles.FactPodSubnet)
}
