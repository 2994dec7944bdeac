// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
)

// Kubernetes is a tenant's policies for a cluster without Cilium. NetworkPolicy has no clusterwide form and one selector each, so
// these are five for a tenant without services. What they can't say is in Gaps.
func (s Site) Kubernetes(t tenant.Resolved) []*networkingv1.NetworkPolicy {
	policies := []*networkingv1.NetworkPolicy{
		kubernetesPolicy(t, "", metav1.LabelSelector{}, s.kubernetesPlatform(), s.kubernetesOutward(t)),
		kubernetesPolicy(t, "-within", where(metav1.LabelSelector{}, LabelService, metav1.LabelSelectorOpNotIn, PartEtcd),
			inward{{From: []networkingv1.NetworkPolicyPeer{inNamespaces(upwards(t)...)}}}, nil),
		kubernetesPolicy(t, "-exposed", where(pods(LabelExpose, isTrue), LabelService, metav1.LabelSelectorOpNotIn, PartEtcd),
			inward{{From: world(s.Pods)}}, nil),
		kubernetesPolicy(t, "-apiserver", pods(LabelAllowToAPIServer, isTrue), nil,
			outward{{To: s.kubernetesAPI(), Ports: ports(corev1.ProtocolTCP, s.APIPort)}}),
	}

	if above := t.InheritedEtcds(); len(above) > 0 {
		etcds := inNamespaces(above...)
		etcds.PodSelector = new(pods(LabelService, PartEtcd))
		policies = append(policies, kubernetesPolicy(t, "-to-etcd", pods(LabelAllowToEtcd, isTrue), nil,
			outward{{To: []networkingv1.NetworkPolicyPeer{etcds}, Ports: ports(corev1.ProtocolTCP, etcdClient)}}))
	}

	if t.HasEtcd() {
		policies = append(policies, kubernetesPolicy(t, "-etcd", pods(LabelService, PartEtcd), kubernetesEtcd(t), nil))
	}

	for _, door := range doors() {
		if t.Services[door.service].Source == tenant.Own {
			policies = append(policies, kubernetesPolicy(t, "-"+door.part, pods(LabelService, door.part), inward{{
				From:  []networkingv1.NetworkPolicyPeer{{NamespaceSelector: new(pods(tenant.ServiceLabel+door.service.String(), t.Namespace))}},
				Ports: ports(corev1.ProtocolTCP, door.ports...),
			}}, nil))
		}
	}

	return policies
}

// KubernetesNames are all names that Kubernetes gives, so that those it no longer does can be removed.
func KubernetesNames() []string {
	suffixes := []string{"", "-within", "-exposed", "-apiserver", "-to-etcd", "-etcd"}
	for _, door := range doors() {
		suffixes = append(suffixes, "-"+door.part)
	}

	names := make([]string, 0, len(suffixes))
	for _, suffix := range suffixes {
		names = append(names, TenantName+suffix)
	}

	return names
}

type (
	inward  []networkingv1.NetworkPolicyIngressRule
	outward []networkingv1.NetworkPolicyEgressRule
)

// kubernetesPolicy makes one policy, with the name that all begin with and a suffix. Pods that it selects have nothing in a
// direction that has rules but what some policy allows.
func kubernetesPolicy(
	t tenant.Resolved, suffix string, of metav1.LabelSelector, ingress inward, egress outward,
) *networkingv1.NetworkPolicy {
	policy := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: TenantName + suffix},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: of, Ingress: ingress, Egress: egress},
	}
	if ingress != nil {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	}

	if egress != nil {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}

	return policy
}

func (s Site) kubernetesPlatform() inward {
	system := networkingv1.NetworkPolicyPeer{NamespaceSelector: new(pods(LabelSystem, isTrue))}

	return inward{{From: append([]networkingv1.NetworkPolicyPeer{system}, s.kubernetesAPI()...)}}
}

// kubernetesAPI is empty for no address at all, which would mean everybody: Check refuses such a site.
func (s Site) kubernetesAPI() []networkingv1.NetworkPolicyPeer {
	peers := make([]networkingv1.NetworkPolicyPeer, 0, len(s.API))
	for _, addr := range s.API {
		peers = append(peers, block(netip.PrefixFrom(addr, addr.BitLen()).String(), nil))
	}

	return peers
}

// kubernetesOutward is what every pod of a tenant reaches.
func (s Site) kubernetesOutward(t tenant.Resolved) outward {
	below := where(metav1.LabelSelector{}, tenant.AncestorLabel+t.Namespace, metav1.LabelSelectorOpExists)
	rules := outward{
		{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &below}}},
		{
			To:    []networkingv1.NetworkPolicyPeer{labelled(dnsNamespace, dnsKey, dnsValue)},
			Ports: append(ports(corev1.ProtocolTCP, dnsPort), ports(corev1.ProtocolUDP, dnsPort)...),
		},
		{To: []networkingv1.NetworkPolicyPeer{block(everyIPv4, s.excluded(true)), block(everyIPv6, s.excluded(false))}},
	}

	for _, door := range systemDoors() {
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{labelled(door.namespace, door.key, door.value)},
			Ports: ports(corev1.ProtocolTCP, door.port),
		})
	}

	for _, door := range doors() {
		if provision := t.Services[door.service]; provision.Source == tenant.Inherited {
			rules = append(rules, networkingv1.NetworkPolicyEgressRule{
				To:    []networkingv1.NetworkPolicyPeer{part(provision.Namespace, door.part)},
				Ports: ports(corev1.ProtocolTCP, door.ports...),
			})
		}
	}

	return rules
}

func kubernetesEtcd(t tenant.Resolved) inward {
	members := part(t.Namespace, PartEtcd)
	clients := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: new(where(metav1.LabelSelector{}, tenant.EtcdLabel+t.Namespace, metav1.LabelSelectorOpExists)),
		PodSelector:       new(pods(LabelAllowToEtcd, isTrue)),
	}
	rules := inward{
		{From: []networkingv1.NetworkPolicyPeer{members}, Ports: ports(corev1.ProtocolTCP, etcdClient, etcdPeer)},
		{From: []networkingv1.NetworkPolicyPeer{clients}, Ports: ports(corev1.ProtocolTCP, etcdClient)},
	}

	if monitoring := t.Services[tenant.Monitoring].Namespace; monitoring != "" {
		rules = append(rules, networkingv1.NetworkPolicyIngressRule{
			From:  []networkingv1.NetworkPolicyPeer{part(monitoring, PartVMAgent)},
			Ports: ports(corev1.ProtocolTCP, etcdMetrics),
		})
	}

	return rules
}
