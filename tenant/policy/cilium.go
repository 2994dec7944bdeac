// SPDX-License-Identifier: Apache-2.0

package policy

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ClusterName is the name of the one clusterwide policy. With Cilium a cluster has it and one policy for each tenant.
const ClusterName = "cozystack-tenants"

// CiliumCluster is what holds for the pods of all tenants alike, whatever the tree. It is written before the first tenant gets
// a namespace: it is also what denies the rest.
func (s Site) CiliumCluster() *unstructured.Unstructured {
	return ciliumPolicy("", ClusterName, s.ciliumClusterRules())
}

func (s Site) ciliumClusterRules() []ciliumRule {
	all := where(metav1.LabelSelector{}, ciliumNamespaceLabels+labelTenants, metav1.LabelSelectorOpExists)
	// Etcd is closed to the world whatever labels its pods carry.
	exposed := where(all, LabelService, metav1.LabelSelectorOpNotIn, PartEtcd)
	exposed.MatchLabels = map[string]string{LabelExpose: isTrue}
	toAPIServer := all
	toAPIServer.MatchLabels = map[string]string{LabelAllowToAPIServer: isTrue}

	return []ciliumRule{
		{
			Description: "row 2: system namespaces, the API server and the node itself reach every pod",
			Of:          all,
			Ingress: []ciliumPeers{
				{FromPods: []metav1.LabelSelector{pods(ciliumNamespaceLabels+LabelSystem, isTrue)}},
				{FromEntities: []string{entityAPIServer, entityHost}},
			},
		},
		{
			Description: "row 15: the world reaches exposed pods, also where a node passes it on; row 2 has the node itself",
			Of:          exposed,
			Ingress:     []ciliumPeers{{FromEntities: []string{entityWorld, entityRemoteNode}}},
		},
		{
			Description: "rows 10, 13 and 14: DNS, a short list of system pods, and the world",
			Of:          all,
			Egress:      s.ciliumOutward(),
		},
		{
			Description: "row 11: labelled pods reach the API server, at its port",
			Of:          toAPIServer,
			Egress:      []ciliumPeers{{ToEntities: []string{entityAPIServer}, Ports: tcp(s.APIPort)}},
		},
	}
}

// ciliumOutward is what every pod reaches outside of its tenant.
func (s Site) ciliumOutward() []ciliumPeers {
	dns := pods(dnsKey, dnsValue)
	dns.MatchLabels[ciliumNamespace] = dnsNamespace

	outward := []ciliumPeers{
		{ToPods: []metav1.LabelSelector{dns}, Ports: append(tcp(dnsPort), ciliumPortsOf(corev1.ProtocolUDP, dnsPort)...)},
		{ToRanges: []ciliumRange{rangeBut(everyIPv4, s.excluded(true)), rangeBut(everyIPv6, s.excluded(false))}},
	}

	for _, door := range systemDoors() {
		to := pods(door.key, door.value)
		to.MatchLabels[ciliumNamespace] = door.namespace
		outward = append(outward, ciliumPeers{ToPods: []metav1.LabelSelector{to}, Ports: tcp(door.port)})
	}

	return outward
}
