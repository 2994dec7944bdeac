// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/network"
	"github.com/siderolabs/talos/pkg/machinery/cel/celenv"
	"github.com/siderolabs/talos/pkg/machinery/config"
	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/proto"
)

// settings are what a machine config says of this machine's one network card.
type settings struct {
	addresses []netip.Prefix
	vips      []netip.Addr
	dhcp      bool
}

// readSettings finds the documents and the device entries that mean this machine's card, under its name, one of its
// aliases or a selector.
func (o *osRun) readSettings(provider config.Provider) (settings, error) {
	names, err := o.linkNames(provider)
	if err != nil {
		return settings{}, err
	}

	found := settings{dhcp: provider.RunDefaultDHCPOperators()}

	for _, link := range provider.NetworkCommonLinkConfigs() {
		if slices.Contains(names, link.Name()) {
			for _, address := range link.Addresses() {
				found.addresses = append(found.addresses, address.Address())
			}
		}
	}

	for _, dhcp := range provider.NetworkDHCPv4Configs() {
		found.dhcp = found.dhcp || slices.Contains(names, dhcp.Name())
	}

	for _, vip := range provider.NetworkVirtualIPConfigs() {
		if slices.Contains(names, vip.Link()) {
			found.vips = append(found.vips, vip.VIP())
		}
	}

	return found, o.readDevices(provider, names, &found)
}

// readDevices reads the older form, machine.network.interfaces.
func (o *osRun) readDevices(provider config.Provider, names []string, found *settings) error {
	for _, device := range provider.Machine().Network().Devices() {
		if !o.selects(device, names) {
			continue
		}

		found.dhcp = device.DHCP()

		for _, text := range device.Addresses() {
			address, err := parsePrefix(text)
			if err != nil {
				return fmt.Errorf("machine.network.interfaces: address %q: %w", text, err)
			}

			found.addresses = append(found.addresses, address)
		}

		if vip := device.VIPConfig(); vip != nil && vip.IP() != "" {
			address, err := netip.ParseAddr(vip.IP())
			if err != nil {
				return fmt.Errorf("machine.network.interfaces: vip: %w", err)
			}

			found.vips = append(found.vips, address)
		}
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

func (o *osRun) selects(device configtypes.Device, names []string) bool {
	if slices.Contains(names, device.Interface()) {
		return true
	}

	selector := device.Selector()
	if selector == nil {
		return false
	}

	mac := o.Hardware.MAC.String()

	for pattern, value := range map[string]string{
		selector.HardwareAddress(): mac, selector.PermanentAddress(): mac, selector.KernelDriver(): "virtio_net",
	} {
		if matched, err := filepath.Match(strings.ToLower(pattern), value); pattern != "" && (err != nil || !matched) {
			return false
		}
	}

	return true
}

// linkNames are the card's own name and the aliases whose selector matches it.
func (o *osRun) linkNames(provider config.Provider) ([]string, error) {
	names := []string{linkName}

	for _, alias := range provider.NetworkLinkAliasConfigs() {
		matches := 0

		for _, link := range o.links() {
			spec := &network.LinkStatusSpec{}
			if err := proto.ResourceSpecToProto(link, spec); err != nil {
				return nil, err
			}

			selector := alias.LinkSelector()
			if !link.TypedSpec().Physical() {
				continue // only these get aliases
			}

			matched, err := selector.EvalBool(celenv.LinkLocator(), map[string]any{"link": spec})
			if err != nil {
				return nil, fmt.Errorf("LinkAliasConfig %s: %w", alias.Name(), err)
			}

			if matched {
				matches++
			}
		}

		if matches > 0 {
			names = append(names, strings.ReplaceAll(alias.Name(), "%d", "0"))
		}
	}

	return names, nil
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
