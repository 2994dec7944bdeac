// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/cozystack/cozy-install/tenant"
)

// Kind is what one end of a flow is.
type Kind int

// The kinds. Pod is the zero value.
const (
	Pod Kind = iota
	// Host is the node that the pod at the other end runs on.
	Host
	// RemoteNode is any other node, unless the API server runs on it.
	RemoteNode
	// APIServer is a node that the API server runs on, or the API server of a hosted cluster.
	APIServer
	// Address is anything that has an address and is none of these.
	Address
)

// Peer is one end of a flow.
type Peer struct {
	Kind Kind
	// Namespace and Labels are a pod's own.
	Namespace string
	Labels    map[string]string
	// Tenant is whose namespace it is. Nil: no tenant's.
	Tenant *tenant.Resolved
	// IsSystem says that the namespace has LabelSystem.
	IsSystem bool
	// Address counts for the kind of that name only. Who goes by the address of a Service or of a load balancer reaches the pod
	// behind it, and is to name that pod.
	Address netip.Addr
}

// Flow is one connection, or the datagrams that belong together.
type Flow struct {
	From, To Peer
	// Protocol is TCP, UDP or SCTP.
	Protocol corev1.Protocol
	// Port is the one that the pod itself listens on.
	Port uint16
}

// has says whether a pod carries a label with this value.
func (p Peer) has(key, value string) bool { return p.Kind == Pod && p.Labels[key] == value }

// isPart says whether it is a pod of a tenant, of this part of a cluster service.
func (p Peer) isPart(part string) bool { return p.ofTenant() && p.has(LabelService, part) }

func (p Peer) ofTenant() bool { return p.Kind == Pod && p.Tenant != nil }

// isLabelled says whether it is a pod of this namespace with this label.
func (p Peer) isLabelled(namespace, key, value string) bool {
	return p.Namespace == namespace && p.has(key, value)
}

// provider is the namespace that provides a service to the peer, which is a pod of a tenant. Empty: nobody's.
func (p Peer) provider(service tenant.Service) string { return p.Tenant.Services[service].Namespace }

func (f Flow) isTCP(ports ...uint16) bool {
	return f.Protocol == corev1.ProtocolTCP && slices.Contains(ports, f.Port)
}

// String is how a sentence names the peer.
func (p Peer) String() string {
	switch p.Kind {
	case Host:
		return "the node it runs on"
	case RemoteNode:
		return "another node"
	case APIServer:
		return "the API server"
	case Address:
		return p.Address.String()
	case Pod:
	}

	return p.Namespace
}
