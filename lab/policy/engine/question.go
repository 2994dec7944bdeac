// SPDX-License-Identifier: Apache-2.0

package engine

// Question is a cluster and its policies. The flows are all those of a peer to another, or to itself, at each port.
type Question struct {
	// Policies are objects: CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, NetworkPolicy.
	Policies []any `json:"policies"`
	// Namespaces are the labels of namespaces, by name.
	Namespaces map[string]map[string]string `json:"namespaces"`
	Peers      []Peer                       `json:"peers"`
	Ports      []Port                       `json:"ports,omitempty"`
	// Count asks what the policies cost the agent of a node on which all pods run, instead of who may talk to whom.
	Count bool `json:"count,omitempty"`
}

// Peer is a pod, an entity, or an address.
type Peer struct {
	// Namespace is a pod's. Empty: it is no pod, and nothing restricts it.
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Reserved are names such as host, remote-node, kube-apiserver.
	Reserved []string `json:"reserved,omitempty"`
	// Address may go with Reserved: a kube-apiserver that is no node.
	Address string `json:"address,omitempty"`
}

// Port is one that flows go to.
type Port struct {
	Number   uint16 `json:"number"`
	Protocol string `json:"protocol"`
}

// Answer says either, or what Cilium refused.
type Answer struct {
	// Verdicts has a line of characters for each peer that a flow comes from and each that it goes to, by their places in the
	// question: one for each port, 1 allowed and 0 denied.
	Verdicts [][]string
	Counted  Counted
	// Problem is empty if there is none.
	Problem string
}

// Counted is what policies cost an agent. Rules and subjects are on every node; the rest belongs to the pods of the node.
type Counted struct {
	// Rules are those of the agent's repository: one for each list of peers and ports in a policy.
	Rules int
	// Subjects are the selectors by which rules find the pods that they hold for.
	Subjects int
	// Peers are the selectors of the other ends of flows in the selector cache.
	Peers int
	// Largest is how many entries the largest policy map of a pod has. Cilium's default lets it have 16,384.
	Largest int
}
