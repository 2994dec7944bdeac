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

	FactControlPlaneAddresses = "controlPlaneAddresses" // 192.168.1.11,192.168.1.12
	FactNodeSubnet            = "nodeSubnet"            // 192.168.1.0/24
	FactPodGateway            = "podGateway"            // of podSubnet: 10.244.0.1
	FactAPIServerEndpoint     = "apiServerEndpoint"     // https://192.168.1.10:6443
	FactLoadBalancerPools     = "loadBalancerPools"     // a list of ranges: 192.168.1.200-192.168.1.250, or a prefix
	FactStoragePools          = "storagePools"          // a list of {node, devices}
	FactStorageClass          = "storageClass"          // of an existing cluster; empty: its default

	FactCertificateAuthority = "certificateAuthority" // a Secret with tls.crt and tls.key of the operator's own; empty: none
	FactLetsEncrypt          = "letsEncrypt"          // whether certificates come from Let's Encrypt
	FactACMEServer           = "acmeServer"           // the directory of another ACME server; empty: none
	FactACMEEmail            = "acmeEmail"            // whom the ACME server writes to; empty: nobody
	FactIssuer               = "issuer"               // the ClusterIssuer whose certificates the site's tenants get

	// FactIsolation is what the networks of tenants are isolated from: as cozy-controller reads its site. Only where there are
	// tenants.
	FactIsolation = "isolation"

	FactKubernetesVersion = "kubernetesVersion" // v1.34.4, in names of images; absent of an existing cluster

	FactReplicas = "replicas" // copies of replicated volumes: 3, or as many as there are nodes
)

func knownFacts() []string {
	return []string{
		FactDomain, FactClusterDomain, FactPodSubnet, FactNodePodSubnet, FactServiceSubnet, FactJoinSubnet, FactControllerImage,
		FactControlPlaneAddresses, FactNodeSubnet, FactPodGateway, FactAPIServerEndpoint, FactLoadBalancerPools, FactStoragePools,
		FactStorageClass, FactReplicas, FactCertificateAuthority, FactLetsEncrypt, FactACMEServer, FactACMEEmail,
		FactIssuer, FactIsolation, FactKubernetesVersion,
	}
}
