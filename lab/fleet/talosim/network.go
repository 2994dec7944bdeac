// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
)

// settings are what a machine config says of this machine's network cards, and of what stands on them.
type settings struct {
	interfaces ifaces
	addresses  []netip.Prefix
	places     []string // of each address: the name of its interface
	vips       []netip.Addr
	dhcp       bool
}

func (s *settings) add(address netip.Prefix, place string) {
	s.addresses, s.places = append(s.addresses, address), append(s.places, place)
}

// readSettings finds the documents and the device entries that mean this machine's cards, under their names, one of their
// aliases or a selector, and those about bonds of these cards and VLANs on them.
func (o *osRun) readSettings(provider config.Provider) (settings, error) {
	cards, err := o.cards(provider)
	if err != nil {
		return settings{}, err
	}

	found := settings{dhcp: provider.RunDefaultDHCPOperators(), interfaces: cards.addDocuments(provider)}

	for _, link := range provider.NetworkCommonLinkConfigs() {
		if place := found.interfaces.named(link.Name()); place != nil {
			for _, address := range link.Addresses() {
				found.add(address.Address(), place.name)
			}
		}
	}

	for _, dhcp := range provider.NetworkDHCPv4Configs() {
		found.dhcp = found.dhcp || found.interfaces.named(dhcp.Name()) != nil
	}

	for _, vip := range provider.NetworkVirtualIPConfigs() {
		if found.interfaces.named(vip.Link()) != nil {
			found.vips = append(found.vips, vip.VIP())
		}
	}

	return found, o.readDevices(provider, &found)
}

// readDevices reads the older form, machine.network.interfaces.
func (o *osRun) readDevices(provider config.Provider, found *settings) error {
	first := true

	for _, device := range provider.Machine().Network().Devices() {
		list, place, err := o.addDevice(found.interfaces, device)
		if err != nil {
			return err
		}

		found.interfaces = list
		if place == "" {
			continue
		}

		found.dhcp, first = !first && found.dhcp || device.DHCP(), false

		if err := found.readDevice(place, device.Addresses(), device.VIPConfig()); err != nil {
			return err
		}

		for _, vlan := range device.Vlans() {
			found.dhcp = found.dhcp || vlan.DHCP()

			if err := found.readDevice(nethelpers.VLANLinkName(place, vlan.ID()), vlan.Addresses(), vlan.VIPConfig()); err != nil {
				return err
			}
		}
	}

	return nil
}

func (s *settings) readDevice(place string, addresses []string, vip configtypes.VIPConfig) error {
	for _, text := range addresses {
		address, err := parsePrefix(text)
		if err != nil {
			return fmt.Errorf("machine.network.interfaces: address %q: %w", text, err)
		}

		s.add(address, place)
	}

	if vip != nil && vip.IP() != "" {
		address, err := netip.ParseAddr(vip.IP())
		if err != nil {
			return fmt.Errorf("machine.network.interfaces: vip: %w", err)
		}

		s.vips = append(s.vips, address)
	}

	return nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}

	address, err := netip.ParseAddr(text)

	return netip.PrefixFrom(address, address.BitLen()), err
}

// hostname is the config's, or one made of the hardware address as Talos makes a stable one.
func (o *osRun) hostname(provider config.Provider) string {
	if cfg := provider.NetworkHostnameConfig(); cfg != nil && cfg.Hostname() != "" {
		return cfg.Hostname()
	}

	return "talos-" + hex.EncodeToString(o.Hardware.MAC[3:])
}

// raiseNetwork gives the card its addresses and returns them; the function takes them away again.
func (o *osRun) raiseNetwork(ctx context.Context, wanted settings) ([]netip.Addr, func(), error) {
	prefixes := slices.Clone(wanted.addresses)

	if wanted.dhcp {
		lease, err := o.Wire.Lease(ctx)
		if err != nil {
			return nil, nil, err
		}

		prefixes = append(prefixes, lease)
	}

	var (
		given     []netip.Prefix
		addresses []netip.Addr
	)

	release := func() {
		for _, prefix := range given {
			_ = o.Wire.Release(prefix) // the port may be gone with the machine's power
		}
	}

	for _, prefix := range prefixes {
		if err := o.Wire.Assign(prefix); err != nil {
			release()

			return nil, nil, err
		}

		given, addresses = append(given, prefix), append(addresses, prefix.Addr())
	}

	return addresses, release, nil
}
