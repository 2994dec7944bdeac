// SPDX-License-Identifier: Apache-2.0

package bundles

// Facts are what differs from site to site and charts must be told, by name. Values are what YAML can say.
type Facts map[string]any

// The facts that packages may name under fromSite.
const (
	FactDomain          = "domain"          // example.org
	FactClusterDomain   = "clusterDomain"   // cozy.local
	FactPodSubnet       = "podSubnet"       // Kube-OVN's pods: 10.244.0.0/16
	FactNodePodSubnet   = "nodePodSubnet"   // what kube-controller-manager carves per node
	FactServiceSubnet   = "serviceSubnet"   // 10.96.0.0/16
	FactJoinSubnet      = "joinSubnet"      // Kube-OVN's network between nodes and pods
	FactControllerImage = "controllerImage" // ghcr.io/...:v1.2.3 or ...@sha256:...
)

func knownFacts() []string {
	return []string{
		FactDomain, FactClusterDomain, FactPodSubnet, FactNodePodSubnet, FactServiceSubnet, FactJoinSubnet, FactControllerImage,
	}
}
