// SPDX-License-Identifier: Apache-2.0

package policy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
)

// ServicesPrefix begins the names of policies of services. The name goes on with the namespace of who runs them.
const ServicesPrefix = "cozystack-services-"

// CiliumServices lets pods out to the services that a tenant runs, those of all tenants that resolve to them: the labels of their
// namespaces say which these are. It is clusterwide, since its pods are in other namespaces, and one for all of them: a service that
// appears or goes changes this policy and no other tenant's, however many there are below (ADR 0039). Of a tenant that runs none
// the policy has no rules, which Cilium does not take, and is not needed.
func CiliumServices(t tenant.Resolved) (policy *unstructured.Unstructured, isNeeded bool) {
	var rules []ciliumRule

	for _, door := range doors() {
		if t.Services[door.service].Source == tenant.Own {
			rules = append(rules, ciliumToDoor(door, t.Namespace))
		}
	}

	if t.HasEtcd() {
		rules = append(rules, ciliumToEtcd(t.Namespace))
	}

	return ciliumPolicy("", ServicesPrefix+t.Namespace, rules), len(rules) > 0
}

// ciliumUsed are the rules of those policies that hold for a tenant's pods.
func ciliumUsed(t tenant.Resolved) []ciliumRule {
	var rules []ciliumRule

	for _, door := range doors() {
		if provider := t.Services[door.service].Namespace; provider != "" {
			rules = append(rules, ciliumToDoor(door, provider))
		}
	}

	for _, provider := range t.Etcds() {
		rules = append(rules, ciliumToEtcd(provider))
	}

	return rules
}

func ciliumToDoor(door door, provider string) ciliumRule {
	return ciliumRule{
		Description: "row 8: who resolves to the " + door.service.String() + " of " + provider + " gets out to its " + door.part,
		Of:          ciliumClients(door.service, provider),
		Egress:      []ciliumPeers{{ToPods: []metav1.LabelSelector{ciliumPart(provider, door.part)}, Ports: tcp(door.ports...)}},
	}
}

func ciliumToEtcd(provider string) ciliumRule {
	return ciliumRule{
		Description: "row 4: labelled pods of who uses the etcd of " + provider + " get out to it",
		Of:          ciliumEtcdClients(provider),
		Egress:      []ciliumPeers{{ToPods: []metav1.LabelSelector{ciliumPart(provider, PartEtcd)}, Ports: tcp(etcdClient)}},
	}
}

// ciliumClients selects the pods of all tenants that resolve to a service of a provider.
func ciliumClients(service tenant.Service, provider string) metav1.LabelSelector {
	return pods(ciliumNamespaceLabels+tenant.ServiceLabel+service.String(), provider)
}

// ciliumEtcdClients selects the labelled pods of all tenants that use the etcd of a provider, also where it is not, or not only,
// what they resolve to: applications stay on the etcd that they began with.
func ciliumEtcdClients(provider string) metav1.LabelSelector {
	return where(pods(LabelAllowToEtcd, isTrue), ciliumNamespaceLabels+tenant.EtcdLabel+provider, metav1.LabelSelectorOpExists)
}
