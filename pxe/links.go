// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// findLinks looks the interfaces up and picks an address of each when none was given.
func findLinks(names []string, address netip.Addr) ([]dhcp.Link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	links := make([]dhcp.Link, 0, len(names))
	for _, name := range names {
		link, err := findLink(all, name, address)
		if err != nil {
			return nil, err
		}
		links = append(links, link)
	}
	return links, nil
}

func findLink(all []net.Interface, name string, address netip.Addr) (dhcp.Link, error) {
	have := make([]string, 0, len(all))
	for _, iface := range all {
		have = append(have, iface.Name)
	}
	for _, iface := range all {
		if iface.Name != name {
			continue
		}
		if address.IsValid() {
			return dhcp.Link{Interface: iface, Address: address}, nil
		}
		first, err := firstIPv4(iface)
		if err != nil {
			return dhcp.Link{}, err
		}
		if !first.IsValid() {
			return dhcp.Link{}, &InterfaceError{Name: name, Reason: "has no IPv4 address", Have: have}
		}
		return dhcp.Link{Interface: iface, Address: first}, nil
	}
	return dhcp.Link{}, &InterfaceError{Name: name, Reason: "is not there", Have: have}
}

// firstIPv4 returns the zero value when there is none.
func firstIPv4(iface net.Interface) (netip.Addr, error) {
	addresses, err := iface.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses of interface %s: %w", iface.Name, err)
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
			return prefix.Addr(), nil
		}
	}
	return netip.Addr{}, nil
}
