// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// Conn is one service's open sockets: on one interface when Listen made it, on several when Adopt did.
type Conn struct {
	service Service
	sockets []*socket
}

// Listen opens a service on an address of an interface, which may be a VLAN's. A server on several interfaces listens
// on each. Two sockets are used, one bound to the address and one to the limited broadcast address, instead of a
// wildcard: replies then leave with the right source, relays on the same host keep their port, and a second server on
// the interface is noticed (the sockets are exclusive). An interface without broadcasts, as loopback is, can only be
// reached through relays and gets the first one alone.
//
// The error is the system's own; the caller closes what is returned.
func Listen(ctx context.Context, iface net.Interface, at netip.AddrPort, service Service) (*Conn, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return bindToInterface(raw, iface.Name)
	}}
	conn := &Conn{service: service}
	addresses := []netip.AddrPort{at}
	if iface.Flags&net.FlagBroadcast != 0 {
		addresses = append(addresses, netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), at.Port()))
	}
	var out *net.UDPConn
	for _, a := range addresses {
		opened, err := config.ListenPacket(ctx, "udp4", a.String())
		if err != nil {
			conn.Close()
			return nil, err
		}
		in := opened.(*net.UDPConn) // ListenConfig documents the type for "udp4"
		if out == nil {
			out = in // bound to the address, so replies leave with it
		}
		conn.sockets = append(conn.sockets, &socket{in: in, out: out, link: Link{Interface: iface, Address: at.Addr()}})
		widen(in)
	}
	return conn, nil
}

// queueSize holds the packets of a site that is switched on at once: a few thousand of 600 bytes, as the kernel counts
// them. It may grant less.
const queueSize = 4 << 20

// widen asks for a longer receive queue. What is granted has to do, since firmware repeats what was lost.
func widen(in *net.UDPConn) { _ = in.SetReadBuffer(queueSize) }

// Close closes the sockets. It may be called more than once and concurrently with Serve, which then returns.
func (c *Conn) Close() {
	for _, s := range c.sockets {
		_ = s.in.Close() // nothing is buffered in a UDP socket
	}
}
