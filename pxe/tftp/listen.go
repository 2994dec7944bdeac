// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
)

// maxSenders bounds the ports that transfers leave from. One of them fills a gigabit with blocks of 1428.
const maxSenders = 4

// Conn is a server's open sockets: the one requests come to, and those that transfers leave from. A sending socket
// carries many transfers, told apart by their clients' addresses and ports, so that one system call takes and sends
// packets of several.
type Conn struct {
	listening *net.UDPConn
	senders   []*net.UDPConn
}

// Listen opens the port requests come to on one IPv4 address, and those that answers leave from. The error is the
// system's own. The caller closes what is returned, unless Serve does.
func Listen(ctx context.Context, at netip.AddrPort) (*Conn, error) {
	listening, err := listen(ctx, at)
	if err != nil {
		return nil, err
	}
	return Adopt(ctx, listening)
}

// Adopt takes a socket that was opened by somebody else, as systemd does. On a wildcard address answers leave from the
// address that the route to the client has. When it fails, listening is closed.
func Adopt(ctx context.Context, listening *net.UDPConn) (*Conn, error) {
	c := &Conn{listening: listening}
	for range min(runtime.GOMAXPROCS(0), maxSenders) {
		sender, err := listen(ctx, netip.AddrPortFrom(c.Addr().Addr(), 0))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open a port to send files from: %w", err), c.Close())
		}
		c.senders = append(c.senders, sender)
	}
	return c, nil
}

func listen(ctx context.Context, at netip.AddrPort) (*net.UDPConn, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp4", at.String())
	if err != nil {
		return nil, err
	}
	return packets.(*net.UDPConn), nil // ListenConfig documents the type for "udp4"
}

// Addr is where requests come to.
func (c *Conn) Addr() netip.AddrPort {
	at := c.listening.LocalAddr().(*net.UDPAddr).AddrPort() // both ways of making a Conn see to the type
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// Close closes the sockets. Serve does it too.
func (c *Conn) Close() error {
	c.closeSenders()
	return c.listening.Close()
}

func (c *Conn) closeSenders() {
	for _, sender := range c.senders {
		_ = sender.Close() // nothing is buffered in a UDP socket
	}
	c.senders = nil
}
