// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// isolationOf is what tenants are isolated from on a cluster of the site's own machines, whose policies are Cilium's. Nil: there are
// no tenants, or the cluster is an existing one, which is asked (see takeIsolation). What the site file names by a host name is left out:
// that lies in network.management.
func isolationOf(s *site.Site) *policy.Site {
	if s.Hosted() || !s.HasTenants() {
		return nil
	}
	n := s.Network
	out := &policy.Site{
		Enforces: policy.EnforcesCilium, Nodes: nodeRanges(s), Services: valid(n.ServiceSubnet), Join: valid(n.JoinSubnet),
		Pods: valid(n.PodSubnet, n.NodePodSubnet), LoadBalancers: rangePrefixes(n.LoadBalancer), ClusterDomain: n.ClusterDomain,
		Bastions: bastionsOf(s), Management: n.Management,
	}
	for _, node := range s.Nodes {
		if node.BMC != nil {
			out.BMCs = append(out.BMCs, hostPrefixes(node.BMC.Address)...)
		}
	}
	for _, prefix := range append(hostPrefixes(n.Endpoint), singles(n.VIP)...) {
		if !slices.Contains(out.API, prefix.Addr()) {
			out.API = append(out.API, prefix.Addr())
		}
	}
	port, _ := strconv.ParseUint(kubernetesPort, 10, 16) // Talos's, whatever the endpoint's is
	out.APIPort = uint16(port)
	return out
}

// bastionsOf is the bastion as the site file names it. Nil: it does not, or by a host name.
func bastionsOf(s *site.Site) []netip.Prefix {
	if s.Registries.Bastion == nil {
		return nil
	}
	return hostPrefixes("http://" + s.Registries.Bastion.Address)
}

// isolationFact is a site of policies as the chart of cozy-controller takes it: lists of texts.
func isolationFact(s *policy.Site) map[string]any {
	out := map[string]any{
		"enforces": string(s.Enforces), "apiPort": int(s.APIPort), "clusterDomain": s.ClusterDomain,
	}
	for key, ranges := range map[string][]netip.Prefix{
		"nodes": s.Nodes, "pods": s.Pods, "services": s.Services, "join": s.Join, "loadBalancers": s.LoadBalancers,
		"bmcs": s.BMCs, "bastions": s.Bastions, "management": s.Management,
	} {
		if len(ranges) > 0 {
			out[key] = texts(ranges)
		}
	}
	if len(s.API) > 0 {
		out["api"] = texts(s.API)
	}
	return out
}

func texts[T fmt.Stringer](list []T) []any {
	out := make([]any, len(list))
	for i, one := range list {
		out[i] = one.String()
	}
	return out
}

// nodeRanges are the nodes' network, and their addresses in others.
func nodeRanges(s *site.Site) []netip.Prefix {
	out := valid(s.Network.NodeSubnet)
	add := func(addresses []netip.Prefix) {
		for _, a := range addresses {
			out = append(out, singles(a.Addr())...)
		}
	}
	for _, node := range s.Nodes {
		if node.Network == nil {
			continue
		}
		add(node.Network.Addresses)
		vlans := node.Network.VLANs
		for _, link := range node.Network.Links {
			add(link.Addresses)
			vlans = append(slices.Clip(vlans), link.VLANs...)
		}
		for _, vlan := range vlans {
			add(vlan.Addresses)
		}
	}
	return out
}

func valid(prefixes ...netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(prefixes, func(p netip.Prefix) bool { return !p.IsValid() })
}

// singles are the ranges that hold one address each.
func singles(addrs ...netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, addr := range addrs {
		if addr.IsValid() {
			out = append(out, netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen()))
		}
	}
	return out
}

// hostPrefixes is the address in a URL. Nil: it is a name.
func hostPrefixes(text string) []netip.Prefix {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil
	}
	return singles(addr)
}

// rangePrefixes are the fewest prefixes that hold exactly a range of IPv4 addresses, as network.loadBalancer writes it:
// 192.0.2.10-192.0.2.12 -> 192.0.2.10/31, 192.0.2.12/32. Nil: there is none.
func rangePrefixes(text string) []netip.Prefix {
	first, last, err := site.Range(text)
	if err != nil || !first.Is4() || !last.Is4() {
		return nil
	}
	from, to := uint64(number(first)), uint64(number(last))
	var out []netip.Prefix
	for from <= to {
		// As large as the first address is aligned to, and as what is left has room for.
		zeros := min(bits.TrailingZeros64(from|1<<32), bits.Len64(to-from+1)-1)
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(from))))
		out = append(out, netip.PrefixFrom(addr, 32-zeros))
		from += 1 << zeros
	}
	return out
}

// number is an IPv4 address as one.
func number(addr netip.Addr) uint32 {
	four := addr.As4()
	return binary.BigEndian.Uint32(four[:])
}
