// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/netip"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// exampleSite is one with a bundle that leaves everything else at its default, for commands that show bundles without a site
// file. Its three nodes are at addresses kept for documentation (RFC 5737); hosted bundles have no use for them.
func exampleSite(bundle string) *site.Site {
	network := netip.MustParsePrefix("192.0.2.0/24")
	s := &site.Site{Bundle: bundle, Domain: "example.org"}
	s.Network.NodeSubnet = network
	address := network.Addr()
	for _, name := range []string{"node1", "node2", "node3"} {
		address = address.Next()
		s.Nodes = append(s.Nodes, site.Node{Name: name, Role: site.ControlPlane, Address: address})
	}
	site.SetDefaults(s)
	return s
}

// defaultPlan resolves a bundle for the example site.
func defaultPlan(name string) (*bundles.Plan, error) {
	return bootstrap.ResolveBundle(exampleSite(name), "")
}
