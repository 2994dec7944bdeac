// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"

	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/stdpatches"
	"github.com/siderolabs/talos/pkg/machinery/config/types/network"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// linkAlias is the name we give to the node's link: what the kernel calls it is unknown before the node boots. Talos
// asks for names that no driver uses; net0 is its own example.
const linkAlias = "net0"

// networkDocuments are the node's network settings since Talos 1.12. One of them is enough to stop Talos's DHCP client,
// which runs on all links by default.
func networkDocuments(c Cluster, n Node, version contract) ([]configtypes.Document, error) {
	documents, err := hostnameDocuments(version, n.Name)
	if err != nil {
		return nil, err
	}

	alias, err := aliasDocument(n)
	if err != nil {
		return nil, fmt.Errorf("select the link %s: %w", n.MAC, err)
	}

	link := network.NewLinkConfigV1Alpha1(linkAlias)
	link.LinkAddresses = []network.AddressConfig{{AddressAddress: n.Address}}

	if c.Gateway.IsValid() {
		link.LinkRoutes = []network.RouteConfig{{RouteGateway: network.Addr{Addr: c.Gateway}}}
	}

	documents = append(documents, alias, link)

	if c.VIP.IsValid() && n.Role == ControlPlane {
		vip := network.NewLayer2VIPConfigV1Alpha1(c.VIP.String())
		vip.LinkName = linkAlias
		documents = append(documents, vip)
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

// aliasDocument finds the link by its permanent address, or by its current one where the driver knows no permanent
// address: Talos itself falls back in this way when it orders links. Without a MAC the aliases net0, net1, ... number
// all physical links by address.
func aliasDocument(n Node) (configtypes.Document, error) {
	name, match := linkAlias, fmt.Sprintf(
		"mac(link.permanent_addr) == %[1]q || (size(link.permanent_addr) == 0 && mac(link.hardware_addr) == %[1]q)",
		n.MAC.String())
	if n.MAC == nil {
		name, match = "net%d", "true"
	}

	alias := network.NewLinkAliasConfigV1Alpha1(name)

	// It is parsed when the whole config is validated, and once is enough: it is the slowest part of a config.
	return alias, alias.Selector.Match.UnmarshalText([]byte(match))
}

// legacyNetwork is the same for Talos 1.11, in the main document.
func legacyNetwork(c Cluster, n Node) *v1alpha1.NetworkConfig { //nolint:staticcheck // the form 1.11 reads
	device := &v1alpha1.Device{
		DeviceSelector: &v1alpha1.NetworkDeviceSelector{
			NetworkDeviceHardwareAddress: n.MAC.String(),
			NetworkDevicePhysical:        new(true), // a bond or bridge has the address of one of its links
		},
		DeviceAddresses: []string{n.Address.String()},
	}

	if c.Gateway.IsValid() {
		device.DeviceRoutes = []*v1alpha1.Route{{RouteNetwork: defaultRoute(c), RouteGateway: c.Gateway.String()}}
	}

	if c.VIP.IsValid() && n.Role == ControlPlane {
		device.DeviceVIPConfig = &v1alpha1.DeviceVIPConfig{SharedIP: c.VIP.String()}
	}

	settings := &v1alpha1.NetworkConfig{ //nolint:staticcheck // the form 1.11 reads
		NetworkHostname:   n.Name,
		NetworkInterfaces: v1alpha1.NetworkDeviceList{device},
	}

	for _, server := range c.DNSServers {
		settings.NameServers = append(settings.NameServers, server.String()) //nolint:staticcheck // the form 1.11 reads
	}

	return settings
}

func defaultRoute(c Cluster) string {
	if c.Gateway.Is6() {
		return "::/0"
	}

	return "0.0.0.0/0"
}

// legacyTime is nil, and so absent, without servers.
func legacyTime(c Cluster) *v1alpha1.TimeConfig {
	if len(c.NTPServers) == 0 {
		return nil
	}

	return &v1alpha1.TimeConfig{TimeServers: c.NTPServers}
}
