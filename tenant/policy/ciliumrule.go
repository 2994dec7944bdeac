// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds of Cilium's policies.
const (
	KindCilium            = "CiliumNetworkPolicy"
	KindCiliumClusterwide = "CiliumClusterwideNetworkPolicy"
)

// GroupVersionCilium is that of both kinds.
func GroupVersionCilium() schema.GroupVersion {
	return schema.GroupVersion{Group: "cilium.io", Version: "v2"}
}

// CiliumCRDs are the names of the CRDs of both kinds.
func CiliumCRDs() []string {
	return []string{"ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io"}
}

// What a selector of Cilium calls the namespace of a pod, and the labels of that namespace. Cilium takes them from the
// namespace, whatever labels of such names a pod has.
const (
	ciliumNamespace       = "k8s:io.kubernetes.pod.namespace"
	ciliumNamespaceLabels = "k8s:io.cilium.k8s.namespace.labels."
)

// Entities of Cilium.
const (
	entityWorld      = "world"
	entityHost       = "host"
	entityRemoteNode = "remote-node"
	entityAPIServer  = "kube-apiserver"
)

// ciliumRule is one rule of a Cilium policy, as far as we use it (docs.cilium.io, Layer 3 and Layer 4 policies). The peers of
// one direction are alternatives, and so are its rules. A rule selects pods: those have nothing in its direction but what
// some rule allows.
type ciliumRule struct {
	Description string               `json:"description"`
	Of          metav1.LabelSelector `json:"endpointSelector"`
	Ingress     []ciliumPeers        `json:"ingress,omitempty"`
	Egress      []ciliumPeers        `json:"egress,omitempty"`
}

// ciliumPeers are the peers of a direction and the ports at the destination. No ports: all of them, and ICMP.
type ciliumPeers struct {
	FromPods     []metav1.LabelSelector `json:"fromEndpoints,omitempty"`
	FromEntities []string               `json:"fromEntities,omitempty"`
	ToPods       []metav1.LabelSelector `json:"toEndpoints,omitempty"`
	ToEntities   []string               `json:"toEntities,omitempty"`
	ToRanges     []ciliumRange          `json:"toCIDRSet,omitempty"`
	Ports        []ciliumPorts          `json:"toPorts,omitempty"`
}

type ciliumRange struct {
	CIDR   string   `json:"cidr"`
	Except []string `json:"except,omitempty"`
}

type ciliumPorts struct {
	Ports []ciliumPort `json:"ports"`
}

type ciliumPort struct {
	Port     string `json:"port"`
	Protocol string `json:"protocol"`
}

func tcp(numbers ...uint16) []ciliumPorts { return ciliumPortsOf(corev1.ProtocolTCP, numbers...) }

func ciliumPortsOf(protocol corev1.Protocol, numbers ...uint16) []ciliumPorts {
	ports := make([]ciliumPort, 0, len(numbers))
	for _, number := range numbers {
		ports = append(ports, ciliumPort{Port: strconv.Itoa(int(number)), Protocol: string(protocol)})
	}

	return []ciliumPorts{{Ports: ports}}
}

// rangeBut is all addresses of a family but some, which must be of that family.
func rangeBut(all string, but []netip.Prefix) ciliumRange {
	excepted := ciliumRange{CIDR: all}
	for _, prefix := range but {
		excepted.Except = append(excepted.Except, prefix.String())
	}

	return excepted
}

// ciliumPolicy makes the object. An empty namespace makes it clusterwide.
func ciliumPolicy(namespace, name string, rules []ciliumRule) *unstructured.Unstructured {
	policy := &unstructured.Unstructured{Object: map[string]any{}}
	policy.SetGroupVersionKind(GroupVersionCilium().WithKind(KindCiliumClusterwide))
	policy.SetName(name)

	if namespace != "" {
		policy.SetKind(KindCilium)
		policy.SetNamespace(namespace)
	}

	specs := make([]any, 0, len(rules))

	for _, rule := range rules {
		spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&rule)
		if err != nil {
			panic(err) // the types above hold nothing that JSON has not
		}

		specs = append(specs, spec)
	}

	policy.Object["specs"] = specs

	return policy
}

// pods selects pods by one label.
func pods(key, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

// where narrows a selector by one more requirement.
func where(s metav1.LabelSelector, key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelector {
	s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values})

	return s
}
