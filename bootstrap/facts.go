// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/netip"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// maxReplicas is how many copies a replicated volume has where there are enough nodes with devices for it.
const maxReplicas = 3

// factsOf is what the site file says to packages. What it does not say is left out.
func factsOf(s *site.Site) bundles.Facts {
	n := s.Network
	facts := bundles.Facts{
		bundles.FactDomain:            s.Domain,
		bundles.FactClusterDomain:     n.ClusterDomain,
		bundles.FactLoadBalancerPools: loadBalancerPools(n.LoadBalancer),
		bundles.FactStoragePools:      storagePools(s.Nodes),
	}
	for name, prefix := range map[string]netip.Prefix{
		bundles.FactNodeSubnet: n.NodeSubnet, bundles.FactPodSubnet: n.PodSubnet, bundles.FactNodePodSubnet: n.NodePodSubnet,
		bundles.FactServiceSubnet: n.ServiceSubnet, bundles.FactJoinSubnet: n.JoinSubnet,
	} {
		if prefix.IsValid() {
			facts[name] = prefix.String()
		}
	}
	if s.Kubernetes.Version != "" {
		facts[bundles.FactKubernetesVersion] = s.Kubernetes.Version
	}
	if n.PodSubnet.IsValid() {
		facts[bundles.FactPodGateway] = n.PodSubnet.Masked().Addr().Next().String()
	}
	if e, err := endpoint(s); err == nil && (n.VIP.IsValid() || n.Endpoint != "") {
		facts[bundles.FactAPIServerEndpoint] = e.String()
	}
	if len(s.Nodes) > 0 {
		facts[bundles.FactControlPlaneAddresses] = strings.Join(controlPlaneAddresses(s.Nodes), ",")
		facts[bundles.FactReplicas] = replicas(s.Nodes)
	}
	if s.Storage != nil {
		facts[bundles.FactStorageClass] = s.Storage.Class
	}
	addSigners(s.Certificates, facts)
	if isolation := isolationOf(s); isolation != nil {
		facts[bundles.FactIsolation] = isolationFact(isolation)
	}
	return facts
}

// saidBy names the facts that a person gave, by their places in the site file: somebody must take each.
func saidBy(s *site.Site) map[string]string {
	out := map[string]string{}
	said := func(given bool, fact, field string) {
		if given {
			out[fact] = field
		}
	}
	said(s.Network.LoadBalancer != "", bundles.FactLoadBalancerPools, "network.loadBalancer")
	said(len(storagePools(s.Nodes)) > 0, bundles.FactStoragePools, "nodes[].storage")
	said(s.Storage != nil && s.Storage.Class != "", bundles.FactStorageClass, "storage.class")
	said(s.Certificates.ACME != nil, bundles.FactACMEServer, "certificates.acme")
	said(s.Certificates.CA != "", bundles.FactCertificateAuthority, "certificates.ca")
	return out
}

func controlPlaneAddresses(nodes []site.Node) []string {
	var out []string
	for _, n := range nodes {
		if n.Role == site.ControlPlane {
			out = append(out, n.Address.String())
		}
	}
	return out
}

// replicas is how many copies a replicated volume has. Only nodes with devices can hold one; a site that names none so far
// may get pools by hand, on any node.
func replicas(nodes []site.Node) int {
	holders := len(storagePools(nodes))
	if holders == 0 {
		holders = len(nodes)
	}
	return min(maxReplicas, holders)
}

// loadBalancerPools is a list because that is what the packages take; a site has one range, or none. Packages take no space
// in it.
func loadBalancerPools(given string) []any {
	if given == "" {
		return []any{}
	}
	return []any{strings.ReplaceAll(given, " ", "")}
}

// storagePools are the nodes that give devices to the storage, with these.
func storagePools(nodes []site.Node) []any {
	out := []any{}
	for _, n := range nodes {
		if len(n.Storage) == 0 {
			continue
		}
		devices := make([]any, len(n.Storage))
		for i, device := range n.Storage {
			devices[i] = device
		}
		out = append(out, map[string]any{"node": n.Name, "devices": devices})
	}
	return out
}
