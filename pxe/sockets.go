// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"fmt"
	"net"
	"net/netip"
)

// Sockets are ports that somebody else opened. What is empty is opened here.
type Sockets struct {
	DHCP  []*net.UDPConn // bound to our address and to 255.255.255.255, or to all addresses
	Proxy []*net.UDPConn // likewise
	TFTP  []*net.UDPConn
	HTTP  []net.Listener
}

// Close closes them. A server that ran has done so; it is for those that no server was started with.
func (s Sockets) Close() {
	for _, list := range [][]*net.UDPConn{s.DHCP, s.Proxy, s.TFTP} {
		for _, socket := range list {
			_ = socket.Close() // nothing is buffered in a UDP socket
		}
	}
	for _, listener := range s.HTTP {
		_ = listener.Close() // it is closed already, or never served
	}
}

// SocketError says that a socket somebody else opened is none to serve on.
type SocketError struct {
	Name   string // of the service: dhcp, proxy, tftp, http
	Reason string
	Fix    string // what a person can do
}

func (e *SocketError) Error() string { return fmt.Sprintf("netboot socket %q: %s", e.Name, e.Reason) }

// Hint says how to open the right one.
func (e *SocketError) Hint() string { return e.Fix }

// ports are those that were asked for, with the sockets' own where there are any: machines are told where we are heard.
func (s Sockets) ports(asked Ports) (Ports, error) {
	for _, service := range []struct {
		name      string
		port      *int
		addresses []net.Addr
	}{
		{"dhcp", &asked.DHCP, localAddresses(s.DHCP)},
		{"proxy", &asked.Proxy, localAddresses(s.Proxy)},
		{"tftp", &asked.TFTP, localAddresses(s.TFTP)},
		{"http", &asked.HTTP, listeningAddresses(s.HTTP)},
	} {
		for _, address := range service.addresses {
			at, reason := served(address)
			if reason != "" {
				return asked, &SocketError{
					Name: service.name, Reason: reason,
					Fix: "name an IPv4 address in the socket unit, as in ListenDatagram=0.0.0.0:67 or ListenStream=0.0.0.0:8080",
				}
			}
			if *service.port != 0 && *service.port != int(at.Port()) {
				return asked, &SocketError{
					Name: service.name, Reason: fmt.Sprintf("%s is not on port %d as the others, or --netboot-ports, are", at, *service.port),
					Fix: "open all sockets of a service on one port",
				}
			}
			*service.port = int(at.Port())
		}
	}
	return asked, nil
}

// served is where a socket listens, and why that can't be served.
func served(address net.Addr) (at netip.AddrPort, reason string) {
	switch address := address.(type) {
	case *net.UDPAddr:
		at = address.AddrPort()
	case *net.TCPAddr:
		at = address.AddrPort()
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if !at.Addr().Is4() {
		return at, fmt.Sprintf("%s is no IPv4 address and port", address)
	}
	return at, ""
}

func localAddresses(sockets []*net.UDPConn) []net.Addr {
	list := make([]net.Addr, 0, len(sockets))
	for _, socket := range sockets {
		list = append(list, socket.LocalAddr())
	}
	return list
}

func listeningAddresses(listeners []net.Listener) []net.Addr {
	list := make([]net.Addr, 0, len(listeners))
	for _, listener := range listeners {
		list = append(list, listener.Addr())
	}
	return list
}
