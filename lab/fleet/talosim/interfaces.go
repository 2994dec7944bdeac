// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/network"
	"github.com/siderolabs/talos/pkg/machinery/cel/celenv"
	"github.com/siderolabs/talos/pkg/machinery/config"
	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/proto"
)

// iface is a network interface that a machine has with a config: a card, a bond or a VLAN. All cards are on one wire, whose
// switch takes tagged frames for untagged ones.
type iface struct {
	name    string
	alias   string // of a card
	kind    string // as the kernel calls it: kindBond, kindVLAN; empty: a card
	members []string
	mode    nethelpers.BondMode
	parent  string
	vlan    uint16
}

const (
	kindBond = "bond"
	kindVLAN = "vlan"
)

// ifaces are in the order in which they can be made.
type ifaces []iface

// named is nil when there is none of this name or alias.
func (l ifaces) named(name string) *iface {
	i := slices.IndexFunc(l, func(one iface) bool { return name != "" && (one.name == name || one.alias == name) })
	if i < 0 {
		return nil
	}

	return &l[i]
}

// cards are the machine's own, with their aliases: a fixed one for the card that alone matches, numbered ones for all that
// match and have none yet, in the order of their addresses. Like Talos it goes through the aliases by name.
func (o *osRun) cards(provider config.Provider) (ifaces, error) {
	var list ifaces
	for i := range o.macs() {
		list = append(list, iface{name: cardName(i)})
	}

	aliases := provider.NetworkLinkAliasConfigs()
	slices.SortFunc(aliases, func(a, b configtypes.NetworkLinkAliasConfig) int { return strings.Compare(a.Name(), b.Name()) })

	for _, alias := range aliases {
		matched, err := o.matching(alias)
		if err != nil {
			return nil, err
		}

		if len(matched) > 1 && !alias.IsPatternAlias() {
			continue
		}

		count := 0

		for _, i := range matched {
			if list[i].alias == "" {
				list[i].alias = strings.Replace(alias.Name(), "%d", strconv.Itoa(count), 1)
				count++
			}
		}
	}

	return list, nil
}

// matching are the numbers of the cards that an alias means, in the order of their addresses.
func (o *osRun) matching(alias configtypes.NetworkLinkAliasConfig) ([]int, error) {
	var found []int

	selector := alias.LinkSelector()

	for i, mac := range o.macs() {
		spec := &network.LinkStatusSpec{}
		if err := proto.ResourceSpecToProto(card(i, mac), spec); err != nil {
			return nil, err
		}

		matched, err := selector.EvalBool(celenv.LinkLocator(), map[string]any{"link": spec})
		if err != nil {
			return nil, fmt.Errorf("LinkAliasConfig %s: %w", alias.Name(), err)
		}

		if matched {
			found = append(found, i)
		}
	}

	slices.SortFunc(found, func(a, b int) int { return strings.Compare(o.macs()[a].String(), o.macs()[b].String()) })

	return found, nil
}

// addDocuments adds the bonds and VLANs of documents. What stands on nothing that the machine has is left out.
func (l ifaces) addDocuments(provider config.Provider) ifaces {
	links := provider.NetworkCommonLinkConfigs()

	for _, link := range links {
		if bond, ok := link.(configtypes.NetworkBondConfig); ok {
			l = l.withBond(bond.Name(), bond.Mode(), bond.Links())
		}
	}

	for _, link := range links {
		if vlan, ok := link.(configtypes.NetworkVLANConfig); ok {
			l = l.withVLAN(vlan.Name(), vlan.ParentLink(), vlan.VLANID())
		}
	}

	return l
}

func (l ifaces) withBond(name string, mode nethelpers.BondMode, links []string) ifaces {
	bond := iface{name: name, kind: kindBond, mode: mode}

	for _, link := range links {
		if member := l.named(link); member != nil {
			bond.members = append(bond.members, member.name)
		}
	}

	if bond.members == nil {
		return l
	}

	return append(l, bond)
}

func (l ifaces) withVLAN(name, parent string, id uint16) ifaces {
	below := l.named(parent)
	if below == nil {
		return l
	}

	return append(l, iface{name: name, kind: kindVLAN, parent: below.name, vlan: id})
}

// addDevice adds the bond and the VLANs of an entry of machine.network.interfaces, and names the interface that the entry is
// about; it is empty when the machine has none.
func (o *osRun) addDevice(list ifaces, device configtypes.Device) (ifaces, string, error) {
	name := device.Interface()

	if bond := device.Bond(); bond != nil {
		mode, err := nethelpers.BondModeByName(bond.Mode())
		if err != nil {
			return nil, "", fmt.Errorf("machine.network.interfaces: bond %s: %w", name, err)
		}

		links := bond.Interfaces()
		for _, selector := range bond.Selectors() {
			links = append(links, o.selected(selector)...)
		}

		list = list.withBond(name, mode, links)
	} else if selector := device.Selector(); selector != nil {
		name = strings.Join(o.selected(selector), " ") // several are none here
	}

	base := list.named(name)
	if base == nil {
		return list, "", nil
	}

	name = base.name
	for _, vlan := range device.Vlans() {
		list = list.withVLAN(nethelpers.VLANLinkName(name, vlan.ID()), name, vlan.ID())
	}

	return list, name, nil
}

// selected are the cards that a selector of the older form means.
func (o *osRun) selected(selector configtypes.NetworkDeviceSelector) []string {
	var found []string

	for i, mac := range o.macs() {
		matches := true

		for pattern, value := range map[string]string{
			selector.HardwareAddress(): mac.String(), selector.PermanentAddress(): mac.String(), selector.KernelDriver(): cardDriver,
		} {
			matched, err := filepath.Match(strings.ToLower(pattern), value)
			matches = matches && (pattern == "" || err == nil && matched)
		}

		if matches {
			found = append(found, cardName(i))
		}
	}

	return found
}
