// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
)

// Adopt makes a service of sockets that somebody else opened, as systemd does for a socket unit: bound to our address
// and to 255.255.255.255, or to all addresses. They may hear more than is served: each packet is answered by the link
// it came by, and those of other interfaces are ignored. The Conn owns the sockets, also when there is an error.
func Adopt(sockets []*net.UDPConn, links []Link, service Service) (*Conn, error) {
	conn := &Conn{service: service}
	byIndex := make(map[int]Link, len(links))
	for _, link := range links {
		byIndex[link.Interface.Index] = link
	}
	var failed error
	for _, in := range sockets {
		conn.sockets = append(conn.sockets, &socket{in: in, out: in, links: byIndex})
		if err := adopt(in); err != nil {
			failed = errors.Join(failed, fmt.Errorf("adopt DHCP socket %s: %w", in.LocalAddr(), err))
		}
	}
	if len(sockets) == 0 || len(links) == 0 {
		failed = fmt.Errorf("adopt %d DHCP sockets for %d interfaces: want one of each at least", len(sockets), len(links))
	}
	if failed != nil {
		conn.Close()
		return nil, failed
	}
	return conn, nil
}

// adopt lets a socket send broadcasts, and has it told the interface of each packet.
func adopt(in *net.UDPConn) error {
	widen(in)
	if err := ipv4.NewPacketConn(in).SetControlMessage(ipv4.FlagInterface, true); err != nil {
		return err
	}
	raw, err := in.SyscallConn()
	if err != nil {
		return err
	}
	return allowBroadcast(raw)
}
