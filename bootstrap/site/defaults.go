// SPDX-License-Identifier: Apache-2.0

package site

import (
	"net/netip"
	"net/url"
)

// SetDefaults fills in every field that was left out and has a default. It may be called twice.
//
// The networks are disjoint on purpose: the pods of Kube-OVN and the ranges that kube-controller-manager carves for the
// nodes come from two allocators, which in one range sooner or later hand out the same address.
func SetDefaults(s *Site) {
	switch {
	case s.Hosted():
		setDefault(&s.Cluster, &Cluster{})
		setDefault(&s.Storage, &Storage{})
		setDefault(&s.Network.ClusterDomain, "cluster.local") // what kind and the clouds use
	case s.full():
		setMachineDefaults(s)
	}
	if s.Certificates == (Certificates{}) {
		s.Certificates.SelfSigned = true
	}
	if acme := s.Certificates.ACME; acme != nil {
		setDefault(&acme.Server, "https://acme-v02.api.letsencrypt.org/directory")
	}
}

// setMachineDefaults fills in what only the full bundles have.
func setMachineDefaults(s *Site) {
	setDefault(&s.Talos, &Talos{})
	setDefault(&s.Talos.Version, "v1.13.9")
	setDefault(&s.Talos.Factory, "https://factory.talos.dev")
	setDefault(&s.Kubernetes.Version, "v1.34.4")

	setDefault(&s.Network.NodePodSubnet, netip.MustParsePrefix("100.65.0.0/16"))
	setDefault(&s.Network.ServiceSubnet, netip.MustParsePrefix("10.96.0.0/16"))
	if s.hasKubeOVN() {
		setDefault(&s.Network.PodSubnet, netip.MustParsePrefix("10.244.0.0/16"))
		setDefault(&s.Network.JoinSubnet, netip.MustParsePrefix("100.64.0.0/16")) // Kube-OVN's own default
	}
	setDefault(&s.Network.ClusterDomain, "cozy.local")
	if s.Network.VIP.IsValid() {
		endpoint := url.URL{Scheme: "https", Host: netip.AddrPortFrom(s.Network.VIP, 6443).String()}
		setDefault(&s.Network.Endpoint, endpoint.String())
	}

	setDefault(&s.Netboot, &Netboot{})
	setDefault(&s.Netboot.Mode, ModeProxy)
	setDefault(&s.Netboot.Approve, ApproveSite)
	if s.Netboot.Mode == ModeServer {
		setDefault(&s.Netboot.LeaseTime, "1h")
	}
	for i := range s.Nodes {
		setDefault(&s.Nodes[i].Role, Worker)
		setDefault(&s.Nodes[i].Arch, AMD64)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Bundles lists the names of all bundles.
func Bundles() []string { return []string{PaaSFull, PaaSHosted, DistroFull, DistroHosted} }

// Hosted reports whether the bundle is for an existing cluster.
func (s *Site) Hosted() bool { return s.Bundle == PaaSHosted || s.Bundle == DistroHosted }

// full reports whether the bundle starts from bare machines. False beside Hosted: the bundle is unknown.
func (s *Site) full() bool { return s.Bundle == PaaSFull || s.Bundle == DistroFull }

// hasKubeOVN reports whether Kube-OVN gives pods their addresses. In distro-full Cilium does, out of the node-pod network.
func (s *Site) hasKubeOVN() bool { return s.Bundle == PaaSFull }

// HasTenants reports whether the bundle has the tenant system.
func (s *Site) HasTenants() bool { return s.Bundle == PaaSFull || s.Bundle == PaaSHosted }
