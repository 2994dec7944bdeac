// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// ErrNotOnNetwork says that this host stands on no network with an address, so that nobody there can be asked who has it.
var ErrNotOnNetwork = errors.New("this host has no link on its network")

// Holder looks who uses an IPv4 address on a network that this host is on, and gives that host's hardware address; nil if
// nobody answers, which takes half a second. This host does not count. *dhcp.NotPermittedError: it needs CAP_NET_RAW.
func Holder(ctx context.Context, address netip.Addr) (net.HardwareAddr, error) {
	link, err := linkTo(address)
	if err != nil {
		return nil, fmt.Errorf("look who has %s: %w", address, err)
	}
	mac, _, err := dhcp.InUse(ctx, link, address)
	return mac, err
}

// linkTo is the Ethernet link with an address on the network of another.
func linkTo(address netip.Addr) (net.Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, err
	}
	for _, link := range links {
		if link.Flags&net.FlagUp == 0 || len(link.HardwareAddr) != 6 {
			continue
		}
		addrs, err := link.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, one := range addrs {
			network, err := netip.ParsePrefix(one.String())
			if err == nil && network.Bits() < network.Addr().BitLen() && network.Contains(address) {
				return link, nil
			}
		}
	}
	return net.Interface{}, ErrNotOnNetwork
}
