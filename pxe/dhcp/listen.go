// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// Conn is one service's open sockets on one interface.
type Conn struct {
	service Service
	address netip.Addr
	sockets []*net.UDPConn // the first is bound to address, and replies leave from it
}

// Listen opens a service on an address of an interface. Two sockets are used, one bound to the address and one to the
// limited broadcast address, instead of a wildcard: replies then leave with the right source, relays on the same host
// keep their port, and a second server on the interface is noticed (the sockets are exclusive). An interface without
// broadcasts, as loopback is, can only be reached through relays and gets the first one alone.
//
// The error is the system's own; the caller closes what is returned.
func Listen(ctx context.Context, iface net.Interface, at netip.AddrPort, service Service) (*Conn, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return bindToInterface(raw, iface.Name)
	}}
	conn := &Conn{service: service, address: at.Addr()}
	addresses := []netip.AddrPort{at}
	if iface.Flags&net.FlagBroadcast != 0 {
		addresses = append(addresses, netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), at.Port()))
	}
	for _, a := range addresses {
		socket, err := config.ListenPacket(ctx, "udp4", a.String())
		if err != nil {
			return nil, closing(conn, err)
		}
		conn.sockets = append(conn.sockets, socket.(*net.UDPConn)) // ListenConfig documents the type for "udp4"
	}
	return conn, nil
}

// Close closes the sockets. It may be called more than once and concurrently with Serve, which then returns.
func (c *Conn) Close() {
	for _, socket := range c.sockets {
		_ = socket.Close() // nothing is buffered in a UDP socket
	}
}

func closing(c *Conn, err error) error {
	c.Close()
	return err
}
