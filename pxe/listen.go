// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/httpboot"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// findInterface looks an interface up and picks its address when none was given.
func findInterface(name string, address netip.Addr) (net.Interface, netip.Addr, error) {
	all, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, netip.Addr{}, fmt.Errorf("list network interfaces: %w", err)
	}
	have := make([]string, 0, len(all))
	for _, iface := range all {
		have = append(have, iface.Name)
	}
	for _, iface := range all {
		if iface.Name != name {
			continue
		}
		if address.IsValid() {
			return iface, address, nil
		}
		first, err := firstIPv4(iface)
		if err != nil {
			return net.Interface{}, netip.Addr{}, err
		}
		if !first.IsValid() {
			return net.Interface{}, netip.Addr{}, &InterfaceError{Name: name, Reason: "has no IPv4 address", Have: have}
		}
		return iface, first, nil
	}
	return net.Interface{}, netip.Addr{}, &InterfaceError{Name: name, Reason: "is not there", Have: have}
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

// open ports of a server. Whoever serves on one closes it.
type openPorts struct {
	dhcp, boot *dhcp.Conn
	tftp       *tftp.Conn
	http       net.Listener
}

// open opens all ports or none.
func open(ctx context.Context, iface net.Interface, address netip.Addr, ports Ports) (openPorts, error) {
	var o openPorts
	var undo []func()
	var failed error
	try := func(service, network string, port int, listen func(netip.AddrPort) (func(), error)) {
		if failed != nil {
			return
		}
		at := netip.AddrPortFrom(address, uint16(port))
		closing, err := listen(at)
		if err != nil {
			failed = listenError(service, network, at, err)
			return
		}
		undo = append(undo, closing)
	}
	try("DHCP", "udp", ports.DHCP, func(at netip.AddrPort) (_ func(), err error) {
		o.dhcp, err = dhcp.Listen(ctx, iface, at, dhcp.ServiceDHCP)
		return func() { o.dhcp.Close() }, err
	})
	try("PXE boot service", "udp", ports.Proxy, func(at netip.AddrPort) (_ func(), err error) {
		o.boot, err = dhcp.Listen(ctx, iface, at, dhcp.ServiceBoot)
		return func() { o.boot.Close() }, err
	})
	try("TFTP", "udp", ports.TFTP, func(at netip.AddrPort) (_ func(), err error) {
		o.tftp, err = tftp.Listen(ctx, at)
		return func() { _ = o.tftp.Close() }, err
	})
	try("HTTP", "tcp", ports.HTTP, func(at netip.AddrPort) (_ func(), err error) {
		o.http, err = httpboot.Listen(ctx, at)
		return func() { _ = o.http.Close() }, err
	})
	if failed != nil {
		for _, closing := range undo {
			closing()
		}
		return openPorts{}, failed
	}
	return o, nil
}
