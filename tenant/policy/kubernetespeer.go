// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The whole of a family of addresses.
const (
	everyIPv4 = "0.0.0.0/0"
	everyIPv6 = "::/0"
)

func inNamespaces(names ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: new(where(metav1.LabelSelector{}, labelName, metav1.LabelSelectorOpIn, names...)),
	}
}

func labelled(namespace, key, value string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: new(pods(labelName, namespace)), PodSelector: new(pods(key, value)),
	}
}

func part(namespace, part string) networkingv1.NetworkPolicyPeer {
	return labelled(namespace, LabelService, part)
}

// world is every address of both families but some.
func world(but []netip.Prefix) []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{block(everyIPv4, ofFamily(but, true)), block(everyIPv6, ofFamily(but, false))}
}

func block(cidr string, but []netip.Prefix) networkingv1.NetworkPolicyPeer {
	block := &networkingv1.IPBlock{CIDR: cidr}
	for _, prefix := range but {
		block.Except = append(block.Except, prefix.String())
	}

	return networkingv1.NetworkPolicyPeer{IPBlock: block}
}

func ports(protocol corev1.Protocol, numbers ...uint16) []networkingv1.NetworkPolicyPort {
	all := make([]networkingv1.NetworkPolicyPort, 0, len(numbers))
	for _, number := range numbers {
		all = append(all, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(int32(number)))})
	}

	return all
}
