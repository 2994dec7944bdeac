// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
)

// cardDriver is the driver of all network cards.
const cardDriver = "virtio_net"

// cardName is the name of a card, from 0 on. It is not eth0, so that nothing gets used to that.
func cardName(number int) string { return fmt.Sprintf("enp%ds0", number+1) }

// macs are the addresses of all cards.
func (o *osRun) macs() []net.HardwareAddr {
	return append([]net.HardwareAddr{o.Hardware.MAC}, o.Hardware.MoreMACs...)
}

// links are the physical ones and the loopback, which must not be taken for a network card.
func (o *osRun) links() []*network.LinkStatus {
	lo := network.NewLinkStatus(network.NamespaceName, "lo")
	*lo.TypedSpec() = network.LinkStatusSpec{
		Index: 1, Type: nethelpers.LinkLoopbck, MTU: 65536, OperationalState: nethelpers.OperStateUnknown, LinkState: true,
	}

	list := []*network.LinkStatus{lo}
	for i, mac := range o.macs() {
		list = append(list, card(i, mac))
	}

	return list
}

func card(number int, mac net.HardwareAddr) *network.LinkStatus {
	link := network.NewLinkStatus(network.NamespaceName, cardName(number))
	*link.TypedSpec() = network.LinkStatusSpec{
		Index: uint32(2 + number), Type: nethelpers.LinkEther, MTU: 1500, Driver: cardDriver, BusPath: fmt.Sprintf("0000:%02x:00.0", number+1),
		HardwareAddr: nethelpers.HardwareAddr(mac), PermanentAddr: nethelpers.HardwareAddr(mac),
		OperationalState: nethelpers.OperStateUp, LinkState: true, SpeedMegabits: 10_000,
	}

	return link
}

// publishInterfaces shows what the config made of the cards: their aliases, bonds, of which the cards become parts and take
// the first one's address, and VLANs.
func (o *osRun) publishInterfaces(ctx context.Context, wanted settings) error {
	specs := map[string]network.LinkStatusSpec{}

	for _, link := range o.links() {
		specs[link.Metadata().ID()] = *link.TypedSpec()
	}

	for _, one := range wanted.interfaces {
		spec := specs[one.name]

		switch one.kind {
		case kindBond:
			first := specs[one.members[0]]
			spec = virtual(one.kind, len(specs), first)
			spec.SpeedMegabits = first.SpeedMegabits * len(one.members)
			spec.BondMaster.Mode = one.mode

			for _, name := range one.members {
				member := specs[name]
				member.SlaveKind, member.MasterIndex, member.HardwareAddr = kindBond, spec.Index, spec.HardwareAddr
				specs[name] = member
			}
		case kindVLAN:
			spec = virtual(one.kind, len(specs), specs[one.parent])
			spec.LinkIndex = specs[one.parent].Index
			spec.VLAN = network.VLANSpec{VID: one.vlan, Protocol: nethelpers.VLANProtocol8021Q}
		default:
			spec.Alias = one.alias
		}

		specs[one.name] = spec
	}

	var errs []error
	for name, spec := range specs {
		errs = append(errs, modify(ctx, o, network.NewLinkStatus(network.NamespaceName, name),
			func(r *network.LinkStatus) { *r.TypedSpec() = spec }))
	}

	return errors.Join(errs...)
}

// virtual is a link without hardware: no permanent address, no driver.
func virtual(kind string, others int, below network.LinkStatusSpec) network.LinkStatusSpec {
	return network.LinkStatusSpec{
		Index: uint32(1 + others), Type: nethelpers.LinkEther, Kind: kind, MTU: below.MTU, HardwareAddr: below.HardwareAddr,
		OperationalState: nethelpers.OperStateUp, LinkState: true, SpeedMegabits: below.SpeedMegabits,
	}
}

// publishAddresses shows the addresses of the config on their interfaces.
func (o *osRun) publishAddresses(ctx context.Context, wanted settings) error {
	var errs []error
	for i, address := range wanted.addresses {
		errs = append(errs, o.publishAddress(ctx, wanted.places[i], address))
	}

	return errors.Join(errs...)
}

func (o *osRun) publishAddress(ctx context.Context, link string, address netip.Prefix) error {
	return modify(ctx, o, network.NewAddressStatus(network.NamespaceName, network.AddressID(link, address)), func(r *network.AddressStatus) {
		*r.TypedSpec() = network.AddressStatusSpec{
			Address: address, LinkName: link, Family: nethelpers.FamilyInet4, Scope: nethelpers.ScopeGlobal,
		}
	})
}
