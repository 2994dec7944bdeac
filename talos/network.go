// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"net"

	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/stdpatches"
	"github.com/siderolabs/talos/pkg/machinery/config/types/network"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
)

// networkDocuments are the node's network settings since Talos 1.12. One of them is enough to stop Talos's DHCP client,
// which runs on all links by default.
func networkDocuments(c Cluster, n Node, version contract) ([]configtypes.Document, error) {
	documents, err := hostnameDocuments(version, n.Name)
	if err != nil {
		return nil, err
	}

	for _, one := range ports(c, n) {
		more, err := one.documents()
		if err != nil {
			return nil, err
		}

		documents = append(documents, more...)
	}

	if len(c.DNSServers) > 0 {
		resolver := network.NewResolverConfigV1Alpha1()
		for _, server := range c.DNSServers {
			resolver.ResolverNameservers = append(resolver.ResolverNameservers,
				network.NameserverConfig{Address: network.Addr{Addr: server}})
		}

		documents = append(documents, resolver)
	}

	if len(c.NTPServers) > 0 {
		timeSync := network.NewTimeSyncConfigV1Alpha1()
		timeSync.TimeNTP = &network.NTPConfig{Servers: c.NTPServers}
		documents = append(documents, timeSync)
	}

	return documents, nil
}

// hostnameDocuments turn off the generated hostname as well: it and a static one conflict (siderolabs/talos#12573).
func hostnameDocuments(version contract, name string) ([]configtypes.Document, error) {
	data, err := stdpatches.WithStaticHostname(version.VersionContract, name)
	if err != nil {
		return nil, err
	}

	provider, err := configloader.NewFromBytes(data)
	if err != nil {
		return nil, err
	}

	return provider.Documents(), nil
}

// documents name the port's links, and set up the port and its VLANs.
func (p port) documents() ([]configtypes.Document, error) {
	var documents []configtypes.Document

	if p.macs == nil {
		// Without a MAC the aliases net0, net1, ... number all physical links by address.
		alias, err := aliasDocument(linkName, "true")
		if err != nil {
			return nil, err
		}

		documents = append(documents, alias)
	}

	for i, mac := range p.macs {
		alias, err := aliasDocument(p.aliases[i], hasAddress(mac))
		if err != nil {
			return nil, fmt.Errorf("select the link %s: %w", mac, err)
		}

		documents = append(documents, alias)
	}

	whole, err := p.document()
	if err != nil {
		return nil, err
	}

	documents = append(documents, whole)
	if p.vip.IsValid() {
		documents = append(documents, vipDocument(p.vip.String(), p.name))
	}

	for _, vlan := range p.vlans {
		document := network.NewVLANConfigV1Alpha1(p.vlanName(vlan.ID))
		document.VLANIDConfig = vlan.ID
		document.ParentLinkConfig = p.name
		document.CommonLinkConfig = vlan.config()
		documents = append(documents, document)
	}

	if p.vlanVIP.IsValid() {
		documents = append(documents, vipDocument(p.vlanVIP.String(), p.vlanName(p.vlans[0].ID)))
	}

	return documents, nil
}

func (p port) document() (configtypes.Document, error) {
	if p.bond == nil {
		link := network.NewLinkConfigV1Alpha1(p.name)
		link.CommonLinkConfig = p.settings.config()

		return link, nil
	}

	mode, err := nethelpers.BondModeByName(p.bond.Mode)
	if err != nil {
		return nil, err
	}

	bond := network.NewBondConfigV1Alpha1(p.name)
	bond.CommonLinkConfig = p.settings.config()
	bond.BondLinks = p.aliases
	bond.BondMode = &mode
	bond.BondMIIMon, bond.BondUpDelay, bond.BondDownDelay = new(bondMonitor), new(bondDelay), new(bondDelay)

	if p.bond.TransmitHash != "" {
		policy, err := nethelpers.BondXmitHashPolicyByName(p.bond.TransmitHash)
		if err != nil {
			return nil, err
		}

		bond.BondXmitHashPolicy = &policy
	}

	if p.bond.LACPRate != "" {
		rate, err := nethelpers.LACPRateByName(p.bond.LACPRate)
		if err != nil {
			return nil, err
		}

		bond.BondLACPRate = &rate
	}

	return bond, nil
}

// A bond looks every bondMonitor milliseconds whether its links have a carrier, and believes what it sees after bondDelay.
// The kernel's default, never, makes a bond that does not notice a broken link; these are what Talos's own example has.
const (
	bondMonitor uint32 = 100
	bondDelay   uint32 = 200
)

func (s LinkSettings) config() network.CommonLinkConfig {
	config := network.CommonLinkConfig{LinkMTU: s.MTU}
	for _, address := range s.Addresses {
		config.LinkAddresses = append(config.LinkAddresses, network.AddressConfig{AddressAddress: address})
	}

	for _, route := range s.Routes {
		config.LinkRoutes = append(config.LinkRoutes, network.RouteConfig{
			RouteDestination: network.Prefix{Prefix: route.Destination}, RouteGateway: network.Addr{Addr: route.Gateway}, RouteMetric: route.Metric,
		})
	}

	return config
}

func vipDocument(vip, link string) configtypes.Document {
	document := network.NewLayer2VIPConfigV1Alpha1(vip)
	document.LinkName = link

	return document
}

// hasAddress finds a link by its permanent address, or by its current one where the driver knows no permanent address:
// Talos itself falls back in this way when it orders links.
func hasAddress(mac net.HardwareAddr) string {
	return fmt.Sprintf(
		"mac(link.permanent_addr) == %[1]q || (size(link.permanent_addr) == 0 && mac(link.hardware_addr) == %[1]q)", mac.String())
}

func aliasDocument(name, match string) (configtypes.Document, error) {
	alias := network.NewLinkAliasConfigV1Alpha1(name)

	// It is parsed when the whole config is validated, and once is enough: it is the slowest part of a config.
	return alias, alias.Selector.Match.UnmarshalText([]byte(match))
}
