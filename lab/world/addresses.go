// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/cozystack/cozy-install/bootstrap/site"
)

// pool is what the site's DHCP server gives out: the hundred addresses from the hundredth on.
func pool(subnet netip.Prefix) (first, last netip.Addr) {
	bytes := subnet.Masked().Addr().As4()
	bytes[3] = 100
	first = netip.AddrFrom4(bytes)
	bytes[3] = 199
	return first, netip.AddrFrom4(bytes)
}

// factoryAddr is where the site file looks for the image factory: it must be on the simulated LAN, without TLS.
func factoryAddr(s *site.Site) (netip.AddrPort, error) {
	if s.Talos == nil {
		return netip.AddrPort{}, fmt.Errorf("bundle %s: it has no machines that could be simulated", s.Bundle)
	}
	u, err := url.Parse(s.Talos.Factory)
	if err != nil {
		return netip.AddrPort{}, err
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil || u.Scheme != "http" || at.Addr() != s.Network.Gateway {
		return netip.AddrPort{}, fmt.Errorf("talos.factory %q: the simulated one is at http://%s:<port>", s.Talos.Factory, s.Network.Gateway)
	}
	return at, nil
}

// apiNames are the addresses at which machines serve the Kubernetes API.
func apiNames(s *site.Site) []netip.Addr {
	var names []netip.Addr
	if s.Network.VIP.IsValid() {
		names = append(names, s.Network.VIP)
	}
	for _, n := range s.Nodes {
		names = append(names, n.Address)
	}
	return names
}
