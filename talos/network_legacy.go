// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"net"
	"net/netip"

	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// legacyNetwork is [networkDocuments] for Talos 1.11, in the main document.
func legacyNetwork(c Cluster, n Node) *v1alpha1.NetworkConfig { //nolint:staticcheck // the form 1.11 reads
	settings := &v1alpha1.NetworkConfig{NetworkHostname: n.Name} //nolint:staticcheck // the form 1.11 reads

	for _, one := range ports(c, n) {
		settings.NetworkInterfaces = append(settings.NetworkInterfaces, one.device()) //nolint:staticcheck // the form 1.11 reads
	}

	for _, server := range c.DNSServers {
		settings.NameServers = append(settings.NameServers, server.String()) //nolint:staticcheck // the form 1.11 reads
	}

	return settings
}

func (p port) device() *v1alpha1.Device {
	device := &v1alpha1.Device{
		DeviceAddresses: texts(p.settings.Addresses),
		DeviceRoutes:    p.settings.routes(),
		DeviceMTU:       int(p.settings.MTU),
		DeviceVIPConfig: legacyVIP(p.vip),
	}

	if p.bond == nil {
		device.DeviceSelector = &v1alpha1.NetworkDeviceSelector{
			NetworkDeviceHardwareAddress: p.macs[0].String(),
			NetworkDevicePhysical:        new(true), // a bond or bridge has the address of one of its links
		}
	} else {
		device.DeviceInterface = p.name
		device.DeviceBond = p.bond.legacy()
	}

	for i, vlan := range p.vlans {
		legacy := &v1alpha1.Vlan{
			VlanID: vlan.ID, VlanMTU: vlan.MTU, VlanAddresses: texts(vlan.Addresses), VlanRoutes: vlan.routes(),
		}
		if i == 0 {
			legacy.VlanVIP = legacyVIP(p.vlanVIP)
		}

		device.DeviceVlans = append(device.DeviceVlans, legacy)
	}

	return device
}

// legacy selects members by their permanent address: a member's current one becomes that of the bond.
func (b *Bond) legacy() *v1alpha1.Bond {
	bond := &v1alpha1.Bond{
		BondMode: b.Mode, BondHashPolicy: b.TransmitHash, BondLACPRate: b.LACPRate,
		BondMIIMon: bondMonitor, BondUpDelay: bondDelay, BondDownDelay: bondDelay,
	}
	for _, mac := range b.Members {
		bond.BondDeviceSelectors = append(bond.BondDeviceSelectors, permanent(mac))
	}

	return bond
}

func permanent(mac net.HardwareAddr) v1alpha1.NetworkDeviceSelector {
	return v1alpha1.NetworkDeviceSelector{NetworkDevicePermanentAddress: mac.String()}
}

func (s LinkSettings) routes() []*v1alpha1.Route {
	routes := make([]*v1alpha1.Route, 0, len(s.Routes))

	for _, route := range s.Routes {
		destination := route.Destination.String()
		if !route.Destination.IsValid() {
			destination = everywhere(route.Gateway)
		}

		routes = append(routes, &v1alpha1.Route{
			RouteNetwork: destination, RouteGateway: route.Gateway.String(), RouteMetric: route.Metric,
		})
	}

	return routes
}

func everywhere(gateway netip.Addr) string {
	if gateway.Is6() {
		return "::/0"
	}

	return "0.0.0.0/0"
}

// legacyVIP is nil, and so absent, without an address.
func legacyVIP(vip netip.Addr) *v1alpha1.DeviceVIPConfig {
	if !vip.IsValid() {
		return nil
	}

	return &v1alpha1.DeviceVIPConfig{SharedIP: vip.String()}
}

// legacyTime is nil, and so absent, without servers.
func legacyTime(c Cluster) *v1alpha1.TimeConfig {
	if len(c.NTPServers) == 0 {
		return nil
	}

	return &v1alpha1.TimeConfig{TimeServers: c.NTPServers}
}
