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

// openPorts are a server's. Whoever serves on one closes it.
type openPorts struct {
	dhcp []*dhcp.Conn // of both services
	tftp []*tftp.Conn
	http []net.Listener
	undo []func()
}

func (o *openPorts) close() {
	for _, closing := range o.undo {
		closing()
	}
}

// open opens all ports or none.
func open(ctx context.Context, links []dhcp.Link, config Config) (*openPorts, error) {
	o := &openPorts{}
	for _, service := range []struct {
		name, network string
		port          int
		adopt         func() (bool, error)
		listen        func(dhcp.Link, netip.AddrPort) error
	}{
		{"DHCP", "udp", config.Ports.DHCP, o.adoptDHCP(config.Sockets.DHCP, links, dhcp.ServiceDHCP), o.listenDHCP(ctx, dhcp.ServiceDHCP)},
		{"PXE boot service", "udp", config.Ports.Proxy, o.adoptDHCP(config.Sockets.Proxy, links, dhcp.ServiceBoot), o.listenDHCP(ctx, dhcp.ServiceBoot)},
		{"TFTP", "udp", config.Ports.TFTP, o.adoptTFTP(ctx, config.Sockets.TFTP), o.listenTFTP(ctx)},
		{"HTTP", "tcp", config.Ports.HTTP, o.adoptHTTP(config.Sockets.HTTP), o.listenHTTP(ctx)},
	} {
		adopted, err := service.adopt()
		if err != nil {
			o.close()
			return nil, fmt.Errorf("adopt the sockets of %s: %w", service.name, err)
		}
		for i := 0; i < len(links) && !adopted; i++ {
			at := netip.AddrPortFrom(links[i].Address, uint16(service.port))
			if err := service.listen(links[i], at); err != nil {
				o.close()
				return nil, listenError(service.name, service.network, at, err)
			}
		}
	}
	return o, nil
}

func (o *openPorts) adoptDHCP(sockets []*net.UDPConn, links []dhcp.Link, service dhcp.Service) func() (bool, error) {
	return func() (bool, error) {
		if len(sockets) == 0 {
			return false, nil
		}
		conn, err := dhcp.Adopt(sockets, links, service)
		if err == nil {
			o.addDHCP(conn)
		}
		return true, err
	}
}

func (o *openPorts) listenDHCP(ctx context.Context, service dhcp.Service) func(dhcp.Link, netip.AddrPort) error {
	return func(link dhcp.Link, at netip.AddrPort) error {
		conn, err := dhcp.Listen(ctx, link.Interface, at, service)
		if err == nil {
			o.addDHCP(conn)
		}
		return err
	}
}

func (o *openPorts) addDHCP(conn *dhcp.Conn) {
	o.dhcp = append(o.dhcp, conn)
	o.undo = append(o.undo, conn.Close)
}

func (o *openPorts) adoptTFTP(ctx context.Context, sockets []*net.UDPConn) func() (bool, error) {
	return func() (bool, error) {
		for _, socket := range sockets {
			conn, err := tftp.Adopt(ctx, socket)
			if err != nil {
				return true, err
			}
			o.addTFTP(conn)
		}
		return len(sockets) > 0, nil
	}
}

func (o *openPorts) listenTFTP(ctx context.Context) func(dhcp.Link, netip.AddrPort) error {
	return func(_ dhcp.Link, at netip.AddrPort) error {
		conn, err := tftp.Listen(ctx, at)
		if err == nil {
			o.addTFTP(conn)
		}
		return err
	}
}

func (o *openPorts) addTFTP(conn *tftp.Conn) {
	o.tftp = append(o.tftp, conn)
	o.undo = append(o.undo, func() { _ = conn.Close() })
}

func (o *openPorts) adoptHTTP(listeners []net.Listener) func() (bool, error) {
	return func() (bool, error) {
		for _, listener := range listeners {
			o.addHTTP(listener)
		}
		return len(listeners) > 0, nil
	}
}

func (o *openPorts) listenHTTP(ctx context.Context) func(dhcp.Link, netip.AddrPort) error {
	return func(_ dhcp.Link, at netip.AddrPort) error {
		listener, err := httpboot.Listen(ctx, at)
		if err == nil {
			o.addHTTP(listener)
		}
		return err
	}
}

func (o *openPorts) addHTTP(listener net.Listener) {
	o.http = append(o.http, listener)
	o.undo = append(o.undo, func() { _ = listener.Close() })
}
